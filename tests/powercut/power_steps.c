#include "power_steps.h"

#include "file_system.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_uint_fast64_t steps;
static uint64_t kill_step;

void power_steps_kill_at(uint64_t step)
{
    kill_step = step;
}

uint64_t power_steps_done(void)
{
    return atomic_load(&steps);
}

static void step(void)
{
    if (atomic_fetch_add(&steps, 1) + 1 == kill_step)
        kill(getpid(), SIGKILL);
}

/* The linker turns the store's calls of NAME into calls of __wrap_NAME, and __real_NAME is what
 * they would have called. */
#define STEP(NAME, PARAMETERS, ARGUMENTS)                                                          \
    int __real_##NAME PARAMETERS;                                                                  \
    int __wrap_##NAME PARAMETERS;                                                                  \
    int __wrap_##NAME PARAMETERS                                                                   \
    {                                                                                              \
        step();                                                                                    \
        return __real_##NAME ARGUMENTS;                                                            \
    }

STEP(fs_write_at, (int fd, const void *bytes, size_t length, uint64_t offset),
     (fd, bytes, length, offset))
STEP(fs_write_zeros_at, (int fd, uint64_t length, uint64_t offset), (fd, length, offset))
STEP(fs_create_at, (int folder, const char *path), (folder, path))
STEP(fs_open_or_create_at, (int folder, const char *path), (folder, path))
STEP(fs_map, (int fd, size_t length, enum fs_access access, void **ret_address),
     (fd, length, access, ret_address))
STEP(fs_populate_write, (void *address, size_t length), (address, length))
STEP(fs_allocate, (int fd, uint64_t offset, uint64_t length), (fd, offset, length))
STEP(fs_extend, (int fd, uint64_t size), (fd, size))
STEP(fs_zero_range, (int fd, uint64_t offset, uint64_t length), (fd, offset, length))
STEP(fs_sync_data, (int fd), (fd))
STEP(fs_sync_folder, (int fd), (fd))
STEP(fs_sync_file_system, (int fd), (fd))
STEP(fs_make_folders, (int folder, const char *path), (folder, path))
STEP(fs_remove_at, (int folder, const char *path), (folder, path))
STEP(fs_remove_folder_at, (int folder, const char *path), (folder, path))
STEP(fs_rename_at, (int folder, const char *from, const char *to), (folder, from, to))
STEP(fs_link_at, (int folder, const char *from, const char *to), (folder, from, to))
