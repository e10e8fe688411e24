#include "state_file.h"

#include "file_system.h"
#include "journal_format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOOT_ID_FILE  "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_BYTES 64
#define NO_BOOT_ID    "unknown"

/* What the name of this boot is, or what no boot is called. */
static void read_boot_id(char boot_id[BOOT_ID_BYTES])
{
    if (fs_read_text_at(FS_HERE, BOOT_ID_FILE, boot_id, BOOT_ID_BYTES) < 0)
        boot_id[0] = '\0';
    boot_id[strcspn(boot_id, " \n")] = '\0';
    if (boot_id[0] == '\0')
        memcpy(boot_id, NO_BOOT_ID, sizeof NO_BOOT_ID);
}

static enum store_state judge_running(int folder, const char *boot_id, uint64_t device,
                                      uint64_t inode)
{
    char this_boot[BOOT_ID_BYTES];
    struct fs_status status = {0};
    read_boot_id(this_boot);
    if (fs_stat(folder, &status) < 0 || status.inode != inode)
        return STORE_STATE_MOVED;
    if (strcmp(boot_id, this_boot) != 0 || strcmp(boot_id, NO_BOOT_ID) == 0)
        return STORE_STATE_REBOOTED;
    /* A device may get another number in another boot, but not within one. */
    return status.device == device ? STORE_STATE_RUNNING : STORE_STATE_MOVED;
}

int state_file_read(int folder, enum store_state *ret_state)
{
    char text[STATE_FILE_BYTES * 2];
    char word[16] = "";
    char boot_id[BOOT_ID_BYTES] = "";
    uint64_t device = 0;
    uint64_t inode = 0;
    int result = fs_read_text_at(folder, STORE_STATE_FILE, text, sizeof text);
    if (result == -ENOENT) {
        *ret_state = STORE_STATE_NONE;
        return 0;
    }
    if (result < 0 && result != -EFBIG)
        return result;
    *ret_state = STORE_STATE_DAMAGED;
    if (result == -EFBIG)
        return 0;
    // NOLINTNEXTLINE(cert-err34-c): a number out of range matches no folder
    int fields = sscanf(text, "%15s %63s %" SCNu64 " %" SCNu64, word, boot_id, &device, &inode);
    if (fields == 1 && strcmp(word, "clean") == 0)
        *ret_state = STORE_STATE_CLEAN;
    else if (fields == 1 && strcmp(word, "recovering") == 0)
        *ret_state = STORE_STATE_RECOVERING;
    else if (fields == 4 && strcmp(word, "running") == 0)
        *ret_state = judge_running(folder, boot_id, device, inode);
    return 0;
}

int state_file_is_exact(int folder, bool *ret_is_exact)
{
    char text[STATE_FILE_BYTES * 2];
    int result = fs_read_text_at(folder, STORE_STATE_FILE, text, sizeof text);
    *ret_is_exact = result == -ENOENT;
    if (result == -ENOENT || result == -EFBIG)
        return 0;
    if (result < 0)
        return result;
    /* What it says, and blanks behind that. */
    char *end = text + strcspn(text, "\n");
    bool has_end = *end == '\n' && end[1] == '\0';
    *end = '\0';
    while (end > text && end[-1] == ' ')
        *--end = '\0';
    bool has_single_blanks = strstr(text, "  ") == NULL && strpbrk(text, "\t\r\v\f") == NULL;
    struct fs_status status;
    result = fs_stat_at(folder, STORE_STATE_FILE, &status);
    *ret_is_exact =
        result == 0 && has_end && has_single_blanks && status.size_bytes == STATE_FILE_BYTES;
    return result;
}

static int format_line(int folder, enum store_state state, char line[STATE_FILE_BYTES + 1])
{
    char text[STATE_FILE_BYTES] = "clean";
    if (state == STORE_STATE_RECOVERING) {
        snprintf(text, sizeof text, "recovering");
    } else if (state == STORE_STATE_RUNNING) {
        char boot_id[BOOT_ID_BYTES];
        struct fs_status status = {0};
        int result = fs_stat(folder, &status);
        if (result < 0)
            return result;
        read_boot_id(boot_id);
        snprintf(text, sizeof text, "running %s %" PRIu64 " %" PRIu64, boot_id, status.device,
                 status.inode);
    }
    snprintf(line, STATE_FILE_BYTES + 1, "%-*s\n", STATE_FILE_BYTES - 1, text);
    return 0;
}

/* In place: within one sector of the disk, which is written whole or not at all, and without asking
 * a full disk for room. */
static int put_line(int fd, int folder, enum store_state state)
{
    char line[STATE_FILE_BYTES + 1];
    int result = format_line(folder, state, line);
    if (result == 0)
        result = fs_write_at(fd, line, STATE_FILE_BYTES, 0);
    return result == 0 ? fs_sync_data(fd) : result;
}

int state_file_write(int folder, enum store_state state)
{
    int fd = fs_open_write_at(folder, STORE_STATE_FILE);
    bool is_new = fd == -ENOENT;
    if (is_new)
        fd = fs_open_or_create_at(folder, STORE_STATE_FILE);
    if (fd < 0)
        return fd;
    int result = put_line(fd, folder, state);
    fs_close(fd);
    return result == 0 && is_new ? fs_sync_folder(folder) : result;
}

int state_file_rewrite(int fd, enum store_state state)
{
    return put_line(fd, -1, state);
}

int state_file_hold(int folder, int *ret_fd)
{
    int fd = fs_open_write_at(folder, STORE_STATE_FILE);
    int result = fd < 0 ? fd : fs_lock_try(fd);
    if (result < 0) {
        fs_close(fd);
        return result;
    }
    *ret_fd = fd;
    return 0;
}

bool state_file_is_held(int folder)
{
    bool is_held = false;
    int fd = fs_open_read_at(folder, STORE_STATE_FILE);
    if (fd >= 0 && fs_lock_probe(fd, &is_held) < 0)
        is_held = false;
    fs_close(fd);
    return is_held;
}

const char *state_text(enum store_state state)
{
    switch (state) {
    case STORE_STATE_NONE:
        return "it has a journal and no STATE";
    case STORE_STATE_CLEAN:
        return "it was closed cleanly";
    case STORE_STATE_RUNNING:
        return "a daemon is at work, or was killed";
    case STORE_STATE_REBOOTED:
        return "power was lost, or the machine was restarted, while a daemon was at work";
    case STORE_STATE_MOVED:
        return "it is a copy of a store that was in use";
    case STORE_STATE_RECOVERING:
        return "a recovery or a sync did not end";
    case STORE_STATE_DAMAGED:
        return "its STATE is damaged";
    }
    return "";
}
