/* Any bytes as STATE: only the lines that are written say that the arrays can be trusted. */
#include "file_system.h"
#include "journal_format.h"
#include "state_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder_path[] = "/dev/shm/fuzz-state-XXXXXX";

static void remove_folder(void)
{
    char path[sizeof folder_path + sizeof "/" STORE_STATE_FILE];
    snprintf(path, sizeof path, "%s/" STORE_STATE_FILE, folder_path);
    unlink(path);
    rmdir(folder_path);
}

static int open_folder(void)
{
    if (mkdtemp(folder_path) == NULL)
        abort();
    atexit(remove_folder);
    return fs_open_folder_at(FS_HERE, folder_path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int folder = -1;
    enum store_state state;
    bool is_exact;
    if (folder < 0)
        folder = open_folder();
    int fd = openat(folder, STORE_STATE_FILE, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0 || (size > 0 && write(fd, data, size) != (ssize_t)size))
        abort();
    close(fd);
    if (state_file_read(folder, &state) < 0 || state_file_is_exact(folder, &is_exact) < 0)
        abort();
    if (state == STORE_STATE_CLEAN && (size < 5 || memmem(data, size, "clean", 5) == NULL))
        abort();
    if (state == STORE_STATE_RUNNING && memmem(data, size, "running", 7) == NULL)
        abort();
    /* What is written is read back. */
    if (state == STORE_STATE_CLEAN || state == STORE_STATE_RECOVERING) {
        enum store_state again;
        if (state_file_write(folder, state) < 0 || state_file_read(folder, &again) < 0 ||
            (size <= STATE_FILE_BYTES && again != state))
            abort();
    }
    return 0;
}
