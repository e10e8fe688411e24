#include "kill_daemon.h"

#include "clock_ns.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_TAIL_BYTES 3000

void kill_daemon_configure(const struct kill_shared *shared, const char *folder, unsigned flush_ms)
{
    char path[300];
    snprintf(path, sizeof path, "%s/ingestd.ini", folder);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        abort();
    fprintf(file,
            "[store]\npath = %s\nmin_free = 1MiB\n"
            "[listen]\nrouter = %s\n"
            "[flush]\ninterval = %ums\n"
            /* Small, so that checkpoints and new journals come all the time. */
            "[checkpoint]\ninterval = 1s\njournal_bytes = 1MiB\n"
            "[log]\nlevel = error\n",
            shared->store, shared->endpoint, flush_ms);
    fputs("[series.clamp]\nmatch = kill/shared/clamp\nmode = grow\nlate = clamp\n", file);
    for (unsigned s = 0; s < KILL_SERIES; s++) {
        const struct kill_facts *facts = kill_facts(s);
        enum kill_kind kind = kill_kind_of(s);
        if (kind == KILL_SHARED_CLAMP || (kind == KILL_KIND_MANY && s > KILL_KIND_MANY))
            continue;
        fprintf(file, "[series.%s]\nmatch = kill/*/%s%s\n", facts->label, facts->label,
                kind == KILL_KIND_MANY ? "/*" : "");
        if (facts->capacity > 0)
            fprintf(file, "capacity = %u\n", facts->capacity);
        else
            fputs("mode = grow\n", file);
    }
    fputs("[series.other]\nmatch = **\ncapacity = 500\n", file);
    if (fclose(file) != 0)
        abort();
}

pid_t kill_program_start(char *const argv[], const char *folder, const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        abort();
    if (pid > 0)
        return pid;
    /* None outlives a run that was stopped. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0 || nothing < 0 || dup2(nothing, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(126);
    execv(argv[0], argv);
    _exit(127);
}

pid_t kill_daemon_start(const struct kill_programs *programs, const char *folder)
{
    char config[300];
    snprintf(config, sizeof config, "--config=%s/ingestd.ini", folder);
    char *const argv[] = {strdup(programs->ingestd), config, NULL};
    pid_t pid = kill_program_start(argv, folder, "log");
    free(argv[0]);
    return pid;
}

bool kill_program_runs(pid_t pid, int *ret_status)
{
    return waitpid(pid, ret_status, WNOHANG) == 0;
}

bool kill_program_kill(pid_t pid, int *ret_status)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
        ;
    return WIFSIGNALED(*ret_status) && WTERMSIG(*ret_status) == SIGKILL;
}

bool kill_program_wait(pid_t pid, int timeout_ms, int exit_code, int *ret_status)
{
    int64_t deadline_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    while (kill_program_runs(pid, ret_status)) {
        if (clock_monotonic_ns() > deadline_ns) {
            (void)kill_program_kill(pid, ret_status);
            return false;
        }
        clock_sleep_ns(NS_PER_MS / 2);
    }
    return WIFEXITED(*ret_status) && WEXITSTATUS(*ret_status) == exit_code;
}

const char *kill_status_text(int status)
{
    static char text[40];
    if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "signal %d", WTERMSIG(status));
    else
        snprintf(text, sizeof text, "exit %d", WEXITSTATUS(status));
    return text;
}

void kill_show_log(const char *folder, const char *name)
{
    char path[300];
    char tail[LOG_TAIL_BYTES + 1];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return;
    if (fseek(file, -LOG_TAIL_BYTES, SEEK_END) != 0)
        rewind(file);
    size_t length = fread(tail, 1, LOG_TAIL_BYTES, file);
    tail[length] = '\0';
    fprintf(stderr, "--- %s\n%s\n", name, tail);
    fclose(file);
}
