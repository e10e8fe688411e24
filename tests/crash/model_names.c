/* The part of store/file_system.h that is about names: opening, making, removing, renaming. */
#include "file_system.h"
#include "model_calls.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* ---- descriptors and paths ---- */

struct model_inode *model_inode_of(int fd, size_t *ret_inode)
{
    if (fd < 0 || fd >= MODEL_DESCRIPTORS || model_current->descriptors[fd] < 0)
        model_violation("descriptor %d is not open", fd);
    size_t inode = (size_t)model_current->descriptors[fd];
    if (ret_inode != NULL)
        *ret_inode = inode;
    return &model_current->inodes[inode];
}

static int open_inode(size_t inode)
{
    for (int fd = 0; fd < MODEL_DESCRIPTORS; fd++) {
        if (model_current->descriptors[fd] >= 0)
            continue;
        model_current->descriptors[fd] = (int16_t)inode;
        model_current->inodes[inode].opens++;
        return fd;
    }
    return -EMFILE;
}

/* Where a path leads to. */
struct place {
    uint16_t folder;
    const char *name;
    size_t name_bytes;
    int inode; /* -1: there is no such entry in the folder */
};

/* -ENOENT, -ENOTDIR: the way there does not exist. */
static int find_place(int folder, const char *path, struct place *ret_place)
{
    struct place place = {.inode = 0};
    if (*path != '/' && folder != FS_HERE) {
        size_t inode;
        model_inode_of(folder, &inode);
        place.inode = (int)inode;
    }
    for (;;) {
        while (*path == '/')
            path++;
        if (*path == '\0')
            break;
        size_t length = 1;
        while (path[length] != '/' && path[length] != '\0')
            length++;
        if (place.inode < 0)
            return -ENOENT;
        if (model_current->inodes[place.inode].kind != MODEL_FOLDER)
            return -ENOTDIR;
        if (length != 1 || *path != '.') {
            place.folder = (uint16_t)place.inode;
            place.name = path;
            place.name_bytes = length;
            const struct model_entry *entry =
                model_find(&model_current->live, place.folder, path, length);
            place.inode = entry != NULL ? entry->inode : -1;
        }
        path += length;
    }
    *ret_place = place;
    return 0;
}

/* find_place() of what is there: else -ENOENT. */
static int find_existing(int folder, const char *path, struct place *ret_place)
{
    int result = find_place(folder, path, ret_place);
    return result == 0 && ret_place->inode < 0 ? -ENOENT : result;
}

static struct model_entry make_entry(const struct place *place, size_t inode)
{
    struct model_entry entry = {.folder = place->folder, .inode = (uint16_t)inode};
    if (place->name == NULL || place->name_bytes >= MODEL_NAME_BYTES)
        model_violation("the model has no names as long as %zu bytes", place->name_bytes);
    assert(place->name != NULL);
    memcpy(entry.name, place->name, place->name_bytes);
    entry.hash = model_name_hash(place->name, place->name_bytes);
    return entry;
}

static int make_inode(const struct place *place, enum model_kind kind)
{
    int inode = model_inode_take(model_current, kind);
    if (inode < 0)
        model_violation("the model has no room for another file");
    struct model_change change = {.has_to = true, .to = make_entry(place, (size_t)inode)};
    model_change(model_current, &change);
    return inode;
}

static int open_file(int folder, const char *path)
{
    struct place place;
    int result = find_existing(folder, path, &place);
    if (result < 0)
        return result;
    result = model_fault(NEED_DISK);
    return result < 0 ? result : open_inode((size_t)place.inode);
}

int fs_open_read_at(int folder, const char *path)
{
    return open_file(folder, path);
}

int fs_open_write_at(int folder, const char *path)
{
    return open_file(folder, path);
}

static int create(int folder, const char *path, bool may_be_there)
{
    struct place place = {.inode = -1};
    int result = model_begin("create", NEED_SPACE | NEED_CACHE);
    if (result == 0)
        result = find_place(folder, path, &place);
    if (result < 0)
        return result;
    if (place.inode >= 0)
        return may_be_there ? open_inode((size_t)place.inode) : -EEXIST;
    return open_inode((size_t)make_inode(&place, MODEL_FILE));
}

int fs_open_or_create_at(int folder, const char *path)
{
    return create(folder, path, true);
}

int fs_create_at(int folder, const char *path)
{
    return create(folder, path, false);
}

int fs_open_folder_at(int folder, const char *path)
{
    int fd = open_file(folder, path);
    if (fd < 0 || model_inode_of(fd, NULL)->kind == MODEL_FOLDER)
        return fd;
    fs_close(fd);
    return -ENOTDIR;
}

void fs_close(int fd)
{
    if (fd < 0)
        return;
    struct model_inode *node = model_inode_of(fd, NULL);
    node->opens--;
    if (node->lock_fd == fd)
        node->lock_fd = -1;
    model_current->descriptors[fd] = -1;
}

static void status_of(size_t inode, struct fs_status *ret_status)
{
    const struct model_inode *node = &model_current->inodes[inode];
    uint64_t blocks = 0;
    uint64_t links = 0;
    for (size_t i = 0; i < MODEL_PAGE_WORDS; i++)
        blocks += (uint64_t)__builtin_popcountll(node->blocks.words[i]);
    for (size_t i = 0; i < model_current->live.count; i++)
        links += model_current->live.entries[i].inode == inode;
    *ret_status = (struct fs_status){
        .size_bytes = node->size,
        .allocated_bytes = blocks * MODEL_PAGE_BYTES,
        .inode = inode + 2,
        .device = model_current->device,
        .links = links,
        .is_file = node->kind == MODEL_FILE,
        .is_folder = node->kind == MODEL_FOLDER,
    };
}

int fs_stat(int fd, struct fs_status *ret_status)
{
    size_t inode;
    model_inode_of(fd, &inode);
    int result = model_fault(NEED_DISK);
    if (result == 0)
        status_of(inode, ret_status);
    return result;
}

int fs_stat_at(int folder, const char *path, struct fs_status *ret_status)
{
    struct place place;
    int result = find_existing(folder, path, &place);
    if (result == 0)
        result = model_fault(NEED_DISK);
    if (result == 0)
        status_of((size_t)place.inode, ret_status);
    return result;
}

/* ---- entries ---- */

int fs_make_folder_at(int folder, const char *path)
{
    struct place place;
    int result = find_place(folder, path, &place);
    if (result < 0)
        return result;
    if (place.inode >= 0)
        return -EEXIST;
    result = model_begin("make folder", NEED_SPACE | NEED_CACHE);
    if (result == 0)
        make_inode(&place, MODEL_FOLDER);
    return result;
}

int fs_make_folders(int folder, const char *path)
{
    char part[256];
    size_t length = strlen(path);
    if (length >= sizeof part)
        return -ENAMETOOLONG;
    memcpy(part, path, length + 1);
    for (char *end = part + 1;; end++) {
        if (*end != '/' && *end != '\0')
            continue;
        bool is_last = *end == '\0';
        *end = '\0';
        struct place place;
        int result = fs_make_folder_at(folder, part);
        if (result == -EEXIST) {
            result = find_place(folder, part, &place);
            if (result == 0 && model_current->inodes[place.inode].kind != MODEL_FOLDER)
                result = -ENOTDIR;
        }
        if (result < 0 || is_last)
            return result;
        *end = '/';
    }
}

static int remove_entry(int folder, const char *path, enum model_kind kind)
{
    struct place place;
    int result = find_existing(folder, path, &place);
    if (result < 0)
        return result;
    if (model_current->inodes[place.inode].kind != kind)
        return kind == MODEL_FOLDER ? -ENOTDIR : -EISDIR;
    for (size_t i = 0; kind == MODEL_FOLDER && i < model_current->live.count; i++)
        if (model_current->live.entries[i].folder == place.inode)
            return -ENOTEMPTY;
    result = model_begin(kind == MODEL_FOLDER ? "remove folder" : "remove", NEED_CACHE);
    if (result < 0)
        return result;
    struct model_change change = {.has_from = true,
                                  .from = make_entry(&place, (size_t)place.inode)};
    model_change(model_current, &change);
    return 0;
}

int fs_remove_at(int folder, const char *path)
{
    return remove_entry(folder, path, MODEL_FILE);
}

int fs_remove_folder_at(int folder, const char *path)
{
    return remove_entry(folder, path, MODEL_FOLDER);
}

static int give_name(int folder, const char *from, const char *to, bool keeps_old)
{
    struct place old = {.inode = -1};
    struct place new = {.inode = -1};
    int result = model_begin(keeps_old ? "link" : "rename", NEED_SPACE | NEED_CACHE);
    if (result == 0)
        result = find_place(folder, from, &old);
    if (result == 0)
        result = find_place(folder, to, &new);
    if (result < 0)
        return result;
    if (old.inode < 0)
        return -ENOENT;
    if (keeps_old && new.inode >= 0)
        return -EEXIST;
    struct model_change change = {.has_from = !keeps_old,
                                  .has_to = true,
                                  .from = make_entry(&old, (size_t)old.inode),
                                  .to = make_entry(&new, (size_t)old.inode)};
    model_change(model_current, &change);
    return 0;
}

int fs_rename_at(int folder, const char *from, const char *to)
{
    return give_name(folder, from, to, false);
}

int fs_link_at(int folder, const char *from, const char *to)
{
    return give_name(folder, from, to, true);
}

int fs_for_each_entry(int folder, const char *path,
                      int (*visit)(const char *entry, bool is_folder, void *context), void *context)
{
    static struct model_entry found[8][MODEL_ENTRIES];
    static unsigned depth;
    int fd = fs_open_folder_at(folder, path);
    if (fd < 0)
        return fd;
    size_t inode;
    size_t count = 0;
    model_inode_of(fd, &inode);
    struct model_entry *entries = found[depth++];
    for (size_t i = 0; i < model_current->live.count; i++)
        if (model_current->live.entries[i].folder == inode)
            entries[count++] = model_current->live.entries[i];
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        result = visit(entries[i].name,
                       model_current->inodes[entries[i].inode].kind == MODEL_FOLDER, context);
    depth--;
    fs_close(fd);
    return result;
}
