#include "kill_query.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define PATIENCE_MS 60000
#define OUTPUT      "query"

static void remove_output(const char *folder)
{
    char path[300];
    snprintf(path, sizeof path, "%s/" OUTPUT, folder);
    (void)unlink(path);
}

void kill_query_start(struct kill_query *query, const struct kill_programs *programs,
                      struct kill_shared *shared, const char *folder, uint64_t bits)
{
    char name[64];
    if (query->pid != 0)
        return;
    kill_series_name((unsigned)((bits >> 8) % shared->gateway_count), KILL_EXPLICIT_GROW, name);
    char *program = strdup(programs->query);
    char store[] = "--store";
    char dump[] = "dump", last[] = "--last", rows[] = "500", format[] = "--format", csv[] = "csv";
    char stats[] = "stats", glob[] = "kill/**";
    char *const dump_argv[] = {program, store, shared->store, dump, name,
                               last,    rows,  format,        csv,  NULL};
    char *const stats_argv[] = {program, store, shared->store, stats, glob, NULL};
    query->is_dump = bits % 4 != 0;
    remove_output(folder);
    query->pid = kill_program_start(query->is_dump ? dump_argv : stats_argv, folder, OUTPUT);
    free(program);
}

/* Values of that series are indexes: each is one more than the one before. */
static void check_dump(struct kill_shared *shared, const char *folder)
{
    char path[300];
    char line[200];
    snprintf(path, sizeof path, "%s/" OUTPUT, folder);
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(line, sizeof line, file) == NULL || strcmp(line, "time,value\n") != 0)
        kill_fail(shared, "ingest-query dump printed no header");
    uint64_t before = UINT64_MAX;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *comma = strchr(line, ',');
        uint64_t value = comma != NULL ? strtoull(comma + 1, NULL, 10) : 0;
        if (comma == NULL || (before != UINT64_MAX && value != before + 1))
            kill_fail(shared, "ingest-query dump: after %" PRIu64 " comes %s", before, line);
        before = value;
    }
    if (file != NULL)
        fclose(file);
}

static void judge(struct kill_query *query, int status, struct kill_shared *shared,
                  const char *folder)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    /* Nothing made yet; a recovery is due. */
    if (code == EX_NOINPUT || code == EX_TEMPFAIL)
        return;
    if (code != 0) {
        kill_show_log(folder, OUTPUT);
        kill_fail(shared, "ingest-query: %s", kill_status_text(status));
        return;
    }
    query->answered++;
    if (query->is_dump)
        check_dump(shared, folder);
}

void kill_query_reap(struct kill_query *query, struct kill_shared *shared, const char *folder)
{
    int status;
    if (query->pid == 0 || kill_program_runs(query->pid, &status))
        return;
    query->pid = 0;
    judge(query, status, shared, folder);
}

void kill_query_finish(struct kill_query *query, struct kill_shared *shared, const char *folder)
{
    int status;
    if (query->pid == 0)
        return;
    (void)kill_program_wait(query->pid, PATIENCE_MS, 0, &status);
    query->pid = 0;
    judge(query, status, shared, folder);
}

void kill_query_verify(const struct kill_programs *programs, struct kill_shared *shared,
                       const char *folder)
{
    int status;
    char *program = strdup(programs->query);
    char store[] = "--store", verify[] = "verify";
    char *const argv[] = {program, store, shared->store, verify, NULL};
    remove_output(folder);
    pid_t pid = kill_program_start(argv, folder, OUTPUT);
    if (!kill_program_wait(pid, PATIENCE_MS, 0, &status)) {
        kill_show_log(folder, OUTPUT);
        kill_fail(shared, "ingest-query verify: %s", kill_status_text(status));
    }
    free(program);
}
