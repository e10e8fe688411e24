/* Whether a store can be read as it is. */
#include "reader.h"

#include "file_system.h"
#include "journal_format.h"
#include "state_file.h"

#include <errno.h>
#include <string.h>

static int note_journal(const char *entry, bool is_folder, void *context)
{
    bool *has_journal = context;
    *has_journal = *has_journal || (!is_folder && strncmp(entry, JOURNAL_FILE_PREFIX,
                                                          sizeof JOURNAL_FILE_PREFIX - 1) == 0);
    return 0;
}

int reader_store_ready(const char *store_path, struct error_text *error)
{
    enum store_state state = STORE_STATE_DAMAGED;
    bool has_journal = true;
    int folder = fs_open_folder_at(FS_HERE, store_path);
    if (folder < 0)
        return error_set_errno(error, folder, "cannot open the store %s", store_path);
    int result = state_file_read(folder, &state);
    if (result == 0 && state == STORE_STATE_NONE) {
        has_journal = false;
        result = fs_for_each_entry(folder, ".", note_journal, &has_journal);
    }
    /* In a container a reader and a daemon that systemd shut in may be told different boot ids.
     * That the daemon is at work, and done with recovery, its lock tells for certain. */
    if (result == 0 && state == STORE_STATE_REBOOTED && state_file_is_held(folder))
        state = STORE_STATE_RUNNING;
    fs_close(folder);
    if (result < 0)
        return error_set_errno(error, result, "cannot read %s/" STORE_STATE_FILE, store_path);
    if (state == STORE_STATE_CLEAN || state == STORE_STATE_RUNNING ||
        (state == STORE_STATE_NONE && !has_journal))
        return 0;
    return error_set(error, -EAGAIN, "%s: recovery is due (%s): start ingestd, and try again",
                     store_path, state_text(state));
}
