#include "clock_ns.h"
#include "file_system.h"
#include "repair_internal.h"
#include "store_strays.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Folders of one second that are tried. */
#define ASIDE_TRIES 1000

static int make_aside(struct repair *repair)
{
    char when[32];
    struct tm utc;
    if (repair->aside[0] != '\0')
        return 0;
    time_t now = (time_t)(clock_realtime_ns() / NS_PER_S);
    if (gmtime_r(&now, &utc) == NULL ||
        strftime(when, sizeof when, "%Y-%m-%dT%H-%M-%SZ", &utc) == 0)
        return -EINVAL;
    int folder = repair->store->folder_fd;
    int result = fs_make_folders(folder, REPAIR_FOLDER);
    for (unsigned i = 0; i < ASIDE_TRIES && result == 0; i++) {
        if (i == 0)
            snprintf(repair->aside, sizeof repair->aside, REPAIR_FOLDER "/%s", when);
        else
            snprintf(repair->aside, sizeof repair->aside, REPAIR_FOLDER "/%s.%u", when, i);
        result = fs_make_folder_at(folder, repair->aside);
        if (result == 0)
            return 0;
        result = result == -EEXIST ? 0 : result;
    }
    repair->aside[0] = '\0';
    return result < 0 ? result : -EEXIST;
}

static int move(struct repair *repair, const char *path)
{
    char to[REPAIR_PATH_BYTES];
    int folder = repair->store->folder_fd;
    int result = make_aside(repair);
    if (result < 0)
        return result;
    int length = snprintf(to, sizeof to, "%s/%s", repair->aside, path);
    if (length < 0 || (size_t)length >= sizeof to)
        return -ENAMETOOLONG;
    char *slash = strrchr(to, '/');
    *slash = '\0';
    result = fs_make_folders(folder, to);
    *slash = '/';
    if (result == 0)
        result = fs_rename_at(folder, path, to);
    repair->has_changed = repair->has_changed || result == 0;
    return result;
}

int repair_move(struct repair *repair, const char *path, const char *why)
{
    int result = fs_remove_folder_at(repair->store->folder_fd, path);
    if (result == 0) {
        repair->has_changed = true;
        repair_say(repair, path, "removed: an empty folder");
        return 0;
    }
    result = move(repair, path);
    if (result == 0)
        repair_say(repair, path, "moved to %s: %s", repair->aside, why);
    return result == -ENOENT ? 0 : result;
}

int repair_move_series(struct repair *repair, const char *name, const char *why)
{
    bool has_moved = false;
    int result = 0;
    for (unsigned i = 0; i < SERIES_FILES_OWN && result == 0; i++) {
        char path[SERIES_PATH_BYTES + sizeof STORE_SERIES_DIR];
        snprintf(path, sizeof path, STORE_SERIES_DIR "/%s/%s", name, series_file(i));
        result = move(repair, path);
        has_moved = has_moved || result == 0;
        if (result == -ENOENT || result == -ENOTDIR)
            result = 0;
    }
    if (result == 0 && has_moved) {
        repair_say_series(repair, name, "moved to %s: %s", repair->aside, why);
        /* Summaries, and folders that are empty now. */
        result = store_remove_files(repair->store->series_fd, name);
    }
    return result;
}

int repair_move_strays(struct repair *repair)
{
    struct stray_list strays = {0};
    int result = stray_collect(repair->store->folder_fd, &strays);
    for (size_t i = 0; i < strays.count && result == 0; i++)
        result = repair_move(repair, strays.strays[i].path, strays.strays[i].text);
    stray_list_free(&strays);
    return result;
}
