/* cut_machine.h - the machine that loses power: loop devices, mounts and programs, in a mount
 * namespace of its own, so that nothing is left behind however the harness ends. */
#ifndef INGEST_CUT_MACHINE_H
#define INGEST_CUT_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Why this machine cannot run power cuts (root, FUSE, loop devices), or NULL when it can. */
const char *cut_machine_lacks(void);

/* Enters a mount namespace of its own and puts a file system in memory on `folder`. -errno. */
int cut_machine_enter(const char *folder);

/* Another boot: puts a new boot id in the place of the machine's. -errno. */
int cut_machine_boot(const char *folder, uint64_t seed);

#define CUT_EXT4_BYTES (UINT64_C(48) << 20)
#define CUT_XFS_BYTES  (UINT64_C(320) << 20) /* the least that mkfs.xfs makes */

/* Makes an empty file system (ext4 or xfs) in the file, which has its size already. -errno. */
int cut_machine_make_file_system(const char *type, const char *path);

/* The main() of a test that tries something on such a machine: runs `try_all` (0 or -errno) in a
 * process and a folder of its own, whose mounts end with it. `tools` is handed on. Returns the exit
 * code: 0, 1, or 77 when this machine cannot. */
int cut_machine_try(const char *tools, int (*try_all)(const char *tools, const char *folder));

struct cut_mount {
    int loop;
    char device[32];
    const char *folder;
};
/* Mounts the image at `path` (a file that a loop device can sit on) on `folder`. -errno. */
int cut_mount(struct cut_mount *mount, const char *path, const char *type, const char *folder);
/* Unmounts what was mounted. -errno. */
int cut_unmount(struct cut_mount *mount);

/* Starts a program, which ends when this process does. Its output goes to the file `output` (NULL:
 * ours). Returns its process, or -errno. */
pid_t cut_start(const char *const arguments[], const char *output);
/* Waits at most that long, then kills. Returns the exit code, 128 + the signal, or -ETIMEDOUT. */
int cut_wait(pid_t process, int64_t timeout_ns);
/* Both. */
int cut_execute(const char *const arguments[], const char *output, int64_t timeout_ns);

#endif
