#include "cut_machine.h"

#include "clock_ns.h"
#include "random_bits.h"
#include "temporary_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOOT_ID_FILE   "/proc/sys/kernel/random/boot_id"
#define ATTACH_TRIES   64
#define UNMOUNT_TRIES  200
#define MKFS_NS        INT64_C(60000000000)
#define WORK_BYTES_MAX "size=3g"
#define EXIT_SKIPPED   77

const char *cut_machine_lacks(void)
{
    if (geteuid() != 0)
        return "power cuts need root (mounts and loop devices)";
    if (access("/dev/fuse", R_OK | W_OK) != 0)
        return "power cuts need /dev/fuse";
    if (access("/dev/loop-control", R_OK | W_OK) != 0)
        return "power cuts need loop devices (/dev/loop-control)";
    const char *have_mkfs[] = {"sh", "-c", "command -v mkfs.ext4 && command -v mkfs.xfs", NULL};
    if (cut_execute(have_mkfs, "/dev/null", MKFS_NS) != 0)
        return "power cuts need mkfs.ext4 (e2fsprogs) and mkfs.xfs (xfsprogs)";
    pid_t process = fork();
    if (process == 0)
        _exit(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                      mount("none", "/tmp", "tmpfs", 0, "size=1m") == 0
                  ? 0
                  : 1);
    int status;
    if (process < 0 || waitpid(process, &status, 0) < 0 || status != 0)
        return "power cuts need to mount in a namespace of their own, which is not allowed here";
    return NULL;
}

int cut_machine_enter(const char *folder)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("power-cut", folder, "tmpfs", 0, WORK_BYTES_MAX) != 0)
        return -errno;
    return 0;
}

int cut_machine_try(const char *tools, int (*try_all)(const char *tools, const char *folder))
{
    const char *lacks = cut_machine_lacks();
    if (lacks != NULL) {
        printf("skipped: %s\n", lacks);
        return EXIT_SKIPPED;
    }
    char *folder = temporary_folder_make();
    int status = 1;
    fflush(stdout);
    pid_t process = fork();
    if (process == 0) {
        int result = cut_machine_enter(folder);
        if (result == 0)
            result = try_all(tools, folder);
        if (result < 0)
            printf("failed: %s\n", strerror(-result));
        fflush(stdout);
        _exit(result == 0 ? 0 : 1);
    }
    if (process > 0)
        waitpid(process, &status, 0);
    temporary_folder_remove(folder);
    return status == 0 ? 0 : 1;
}

int cut_machine_boot(const char *folder, uint64_t seed)
{
    char path[256];
    uint64_t high = random_bits(&seed);
    uint64_t low = random_bits(&seed);
    snprintf(path, sizeof path, "%s/boot_id", folder);
    int is_new = access(path, F_OK) != 0;
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return -errno;
    fprintf(file, "%08x-%04x-%04x-%04x-%012" PRIx64 "\n", (unsigned)(high >> 32),
            (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff), (unsigned)(low >> 48),
            low & 0xffffffffffff);
    if (fclose(file) != 0)
        return -errno;
    if (is_new && mount(path, BOOT_ID_FILE, NULL, MS_BIND, NULL) != 0)
        return -errno;
    return 0;
}

int cut_machine_make_file_system(const char *type, const char *path)
{
    /* A small journal makes more checkpoints of the file system's own. */
    const char *ext4[] = {"mkfs.ext4",          "-q", "-F", "-b", "4096", "-J", "size=4", "-E",
                          "lazy_itable_init=0", path, NULL};
    const char *xfs[] = {"mkfs.xfs", "-q", "-f", path, NULL};
    return cut_execute(strcmp(type, "ext4") == 0 ? ext4 : xfs, NULL, MKFS_NS) == 0 ? 0 : -EIO;
}

/* Takes any loop device that is free; another process may be quicker. */
static int attach(struct cut_mount *mount, int backing)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return -errno;
    int result = -EBUSY;
    for (int i = 0; i < ATTACH_TRIES && result == -EBUSY; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        snprintf(mount->device, sizeof mount->device, "/dev/loop%d", number);
        mount->loop = open(mount->device, O_RDWR | O_CLOEXEC);
        if (number < 0 || mount->loop < 0) {
            result = -errno;
            break;
        }
        /* Let go by the last one that has it open, however that one ends. */
        struct loop_config config = {.fd = (uint32_t)backing, .info.lo_flags = LO_FLAGS_AUTOCLEAR};
        result = ioctl(mount->loop, LOOP_CONFIGURE, &config) == 0 ? 0 : -errno;
        if (result < 0)
            close(mount->loop);
    }
    close(control);
    return result;
}

int cut_mount(struct cut_mount *mount_, const char *path, const char *type, const char *folder)
{
    int backing = open(path, O_RDWR | O_CLOEXEC);
    if (backing < 0)
        return -errno;
    mount_->folder = folder;
    int result = attach(mount_, backing);
    close(backing);
    if (result < 0)
        return result;
    /* The images of one run are copies of one another. */
    const char *options = strcmp(type, "xfs") == 0 ? "nouuid" : "";
    if (mount(mount_->device, folder, type, MS_NOATIME, options) != 0) {
        result = -errno;
        close(mount_->loop);
    }
    return result;
}

int cut_unmount(struct cut_mount *mount)
{
    int result = -EBUSY;
    for (int i = 0; i < UNMOUNT_TRIES && result == -EBUSY; i++) {
        result = umount2(mount->folder, 0) == 0 ? 0 : -errno;
        if (result == -EBUSY)
            usleep(10000);
    }
    close(mount->loop);
    return result;
}

pid_t cut_start(const char *const arguments[], const char *output)
{
    pid_t parent = getpid();
    pid_t process = fork();
    if (process != 0)
        return process < 0 ? -errno : process;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(70);
    if (output != NULL) {
        int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
            _exit(74);
    }
    // NOLINTNEXTLINE(performance-no-int-to-ptr): execvp() changes none of them
    execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

int cut_wait(pid_t process, int64_t timeout_ns)
{
    int status;
    int watch = (int)syscall(SYS_pidfd_open, process, 0);
    if (watch < 0)
        return -errno;
    struct pollfd ended = {.fd = watch, .events = POLLIN};
    int count = poll(&ended, 1, (int)(timeout_ns / NS_PER_MS));
    close(watch);
    if (count == 0)
        kill(process, SIGKILL);
    if (waitpid(process, &status, 0) < 0)
        return -errno;
    if (count == 0)
        return -ETIMEDOUT;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int cut_execute(const char *const arguments[], const char *output, int64_t timeout_ns)
{
    pid_t process = cut_start(arguments, output);
    return process < 0 ? process : cut_wait(process, timeout_ns);
}
