/* One crash state: mounted, recovered, perhaps killed in between, looked at. */
#include "clock_ns.h"
#include "cut_internal.h"
#include "cut_machine.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHECK_NS (60 * NS_PER_S)

void cut_print_file(const char *path)
{
    char line[600];
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        printf("    %s", line);
    if (file != NULL)
        fclose(file);
}

void cut_keep(struct machine *machine, const struct cut_check *check, const struct power_mark *mark)
{
    struct cut_path path;
    char kept[256];
    struct cut_image copy;
    if (machine->options->keep == NULL)
        return;
    mkdir(machine->options->keep, 0700);
    snprintf(kept, sizeof kept, "%s/power-cut-%" PRIu64 "-%" PRIu64, machine->options->keep,
             machine->seed, (uint64_t)machine->totals->states);
    if (mkdir(kept, 0700) != 0 ||
        cut_image_open(&copy, cut_path(&path, kept, "disk"), machine->state.size_bytes) != 0)
        return;
    cut_image_copy(&copy, &machine->state);
    cut_image_close(&copy);
    power_mark_write(cut_path(&path, kept, "mark"), mark);
    FILE *file = fopen(cut_path(&path, kept, "check"), "we");
    if (file != NULL) {
        fprintf(file, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", machine->file_system, check->boot,
                check->kill_at, check->goes_on);
        fclose(file);
    }
    printf("    kept; once more: power_cut --replay %s\n", kept);
}

/* A recovery that is killed may leave anything, but no finding. 0 or the exit code. */
static int check_killed(struct machine *machine, uint64_t kill_at, const char *const rest[4],
                        const char *output)
{
    char option[32];
    snprintf(option, sizeof option, "--kill-at=%" PRIu64, kill_at);
    const char *arguments[] = {rest[0], option, rest[1], rest[2], rest[3], NULL};
    int result = cut_execute(arguments, output, CHECK_NS);
    if (result != 128 + SIGKILL)
        return result;
    machine->totals->recoveries_killed++;
    return 0;
}

static int check_mounted(struct machine *machine, const struct cut_check *check)
{
    struct cut_path program, store, mark, report, output;
    char goes_on[40];
    const char *rest[4] = {cut_path(&program, machine->options->programs, "power_check"),
                           cut_path(&store, machine->folder, "state/store"),
                           cut_path(&mark, machine->folder, "mark"),
                           cut_path(&report, machine->folder, "report")};
    cut_path(&output, machine->folder, "finding");
    if (check->kill_at > 0) {
        int result = check_killed(machine, check->kill_at, rest, output.text);
        if (result != 0)
            return result;
    }
    snprintf(goes_on, sizeof goes_on, "--goes-on=%" PRIu64, check->goes_on);
    const char *arguments[] = {
        rest[0], rest[1], rest[2], rest[3], check->goes_on > 0 ? goes_on : NULL, NULL};
    int result = cut_execute(arguments, output.text, CHECK_NS);
    uint64_t steps;
    FILE *file = fopen(report.text, "re");
    // NOLINTNEXTLINE(cert-err34-c): power_check wrote it
    if (file != NULL && fscanf(file, "%" SCNu64, &steps) == 1 && check->kill_at == 0)
        machine->steps = steps;
    if (file != NULL)
        fclose(file);
    return result;
}

int cut_check(struct machine *machine, const struct cut_check *check, const struct power_mark *mark,
              int *ret_found)
{
    struct cut_path path, folder;
    struct cut_mount mounted;
    int result = power_mark_write(cut_path(&path, machine->folder, "mark"), mark);
    if (result == 0)
        result = cut_machine_boot(machine->folder, check->boot);
    if (result == 0)
        result = cut_mount(&mounted, cut_path(&path, machine->folder, "state.img"),
                           machine->file_system, cut_path(&folder, machine->folder, "state"));
    if (result < 0)
        return result;
    *ret_found = check_mounted(machine, check);
    cut_unmount(&mounted);
    return 0;
}

static int replay(struct machine *machine, const char *kept, int *ret_found)
{
    struct cut_path path;
    struct cut_image disk;
    struct stat status;
    struct cut_check check;
    struct power_mark mark;
    static char file_system[8];
    FILE *file = fopen(cut_path(&path, kept, "check"), "re");
    if (file == NULL)
        return -errno;
    // NOLINTNEXTLINE(cert-err34-c): cut_keep() wrote it
    int count = fscanf(file, "%7s %" SCNu64 " %" SCNu64 " %" SCNu64, file_system, &check.boot,
                       &check.kill_at, &check.goes_on);
    fclose(file);
    int result = power_mark_read(cut_path(&path, kept, "mark"), &mark);
    if (count != 4 || result < 0)
        return count != 4 ? -ENODATA : result;
    if (stat(cut_path(&path, kept, "disk"), &status) != 0)
        return -errno;
    result = cut_image_open(&disk, path.text, (uint64_t)status.st_size);
    if (result < 0)
        return result;
    result = cut_image_open(&machine->state, cut_path(&path, machine->folder, "state.img"),
                            disk.size_bytes);
    if (result == 0)
        result = cut_image_copy(&machine->state, &disk);
    cut_image_close(&disk);
    machine->file_system = file_system;
    if (result == 0)
        result = cut_check(machine, &check, &mark, ret_found);
    return result;
}

int cut_replay(const struct cut_options *options, struct cut_totals *totals, const char *folder,
               const char *kept, int *ret_found)
{
    struct cut_path path;
    struct machine machine = {.options = options, .totals = totals, .folder = folder};
    mkdir(cut_path(&path, folder, "state"), 0700);
    int result = replay(&machine, kept, ret_found);
    cut_print_file(cut_path(&path, folder, "finding"));
    return result;
}
