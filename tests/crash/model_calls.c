/* store/file_system.h over a world of model_disk.h, and the clock and the random bytes that the
 * store asks for: everything that a run depends on comes from its seed. */
#include "model_calls.h"

#include "clock_ns.h"
#include "file_system.h"
#include "model_clock.h"
#include "planted.h"
#include "random_bits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#define BOOT_ID_FILE   "/proc/sys/kernel/random/boot_id"
#define MAP_LIMIT_FILE "/proc/sys/vm/max_map_count"
#define FREE_BYTES     (UINT64_C(1) << 30)

int64_t model_now_ns;

enum planted_bug planted_bug;

int64_t clock_realtime_ns(void)
{
    return ++model_now_ns;
}

int64_t clock_monotonic_ns(void)
{
    return ++model_now_ns;
}

void clock_sleep_ns(int64_t duration_ns)
{
    model_now_ns += duration_ns;
}

unsigned long __wrap_getauxval(unsigned long type);
unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type)
{
    static const char bytes[17] = "sixteen bytes of.";
    return type == AT_RANDOM ? (unsigned long)(uintptr_t)bytes : __real_getauxval(type);
}

/* ---- faults ---- */

int model_fault(unsigned needs)
{
    struct model_fault *plan = &model_current->fault;
    unsigned concerned = 0;
    if (plan->kind == MODEL_FAULT_IO)
        concerned = plan->for_ever ? NEED_DISK : NEED_DISK | NEED_CACHE;
    else if (plan->kind != MODEL_FAULT_NONE)
        concerned = NEED_SPACE;
    if ((needs & concerned) == 0 || plan->in_calls-- > 0)
        return 0;
    int result = plan->kind == MODEL_FAULT_IO ? -EIO : -ENOSPC;
    if (plan->for_ever)
        plan->in_calls = 0;
    else
        plan->kind = MODEL_FAULT_NONE;
    model_current->has_failed = true;
    return result;
}

int model_begin(const char *call, unsigned needs)
{
    if (model_step != NULL)
        model_step(call);
    return model_fault(needs);
}

/* ---- reading and writing ---- */

int fs_read_at(int fd, void *buffer, size_t length_bytes, uint64_t offset, size_t *ret_read_bytes)
{
    size_t inode;
    const struct model_inode *node = model_inode_of(fd, &inode);
    int result = model_fault(NEED_DISK);
    if (result < 0)
        return result;
    uint64_t left = offset < node->size ? node->size - offset : 0;
    size_t read_bytes = left < length_bytes ? (size_t)left : length_bytes;
    memcpy(buffer, model_bytes(model_current, inode, MODEL_CACHE) + offset, read_bytes);
    *ret_read_bytes = read_bytes;
    return 0;
}

/* Pages of [offset, offset + length) that exist for the disk, or are in the cache. */
static void mark(struct model_pages *pages, uint64_t offset, uint64_t length_bytes)
{
    for (uint64_t page = offset / MODEL_PAGE_BYTES; page * MODEL_PAGE_BYTES < offset + length_bytes;
         page++)
        model_page_add(pages, (size_t)page);
}

static void store_bytes(size_t inode, const char *bytes, uint64_t length_bytes, uint64_t offset)
{
    struct model_inode *node = &model_current->inodes[inode];
    if (offset + length_bytes > MODEL_FILE_BYTES)
        model_violation("the model has no files of %llu bytes",
                        (unsigned long long)offset + length_bytes);
    char *to = model_bytes(model_current, inode, MODEL_CACHE) + offset;
    if (bytes != NULL)
        memcpy(to, bytes, length_bytes);
    mark(&node->blocks, offset, length_bytes);
    /* Zeros over zeros change nothing. */
    for (uint64_t page = offset / MODEL_PAGE_BYTES; page * MODEL_PAGE_BYTES < offset + length_bytes;
         page++) {
        if (bytes == NULL && !model_page_has(&node->used, page))
            continue;
        model_page_add(&node->used, page);
        model_page_add(&node->dirty, page);
        /* Written to, it is dirty again, whatever is written. */
        model_page_take(&node->lied, page);
    }
    if (bytes == NULL) {
        for (uint64_t at = offset; at < offset + length_bytes;) {
            uint64_t end = (at / MODEL_PAGE_BYTES + 1) * MODEL_PAGE_BYTES;
            end = end < offset + length_bytes ? end : offset + length_bytes;
            if (model_page_has(&node->used, at / MODEL_PAGE_BYTES))
                memset(to + (at - offset), 0, end - at);
            at = end;
        }
    }
    if (node->size < offset + length_bytes)
        node->size = offset + length_bytes;
}

static bool is_zeros(const char *bytes, uint64_t length_bytes)
{
    return length_bytes == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length_bytes - 1) == 0);
}

int fs_write_at(int fd, const void *bytes, size_t length_bytes, uint64_t offset)
{
    size_t inode;
    model_inode_of(fd, &inode);
    bool is_short = model_current->fault.kind == MODEL_FAULT_SHORT;
    int result = model_begin("write", NEED_SPACE | NEED_CACHE);
    if (result < 0 && is_short)
        length_bytes /= 2;
    else if (result < 0)
        length_bytes = 0;
    store_bytes(inode, is_zeros(bytes, length_bytes) ? NULL : bytes, length_bytes, offset);
    return result;
}

int fs_write_padded_at(int fd, const void *bytes, size_t length_bytes, size_t zeros_bytes,
                       uint64_t offset)
{
    size_t inode;
    int result = fs_write_at(fd, bytes, length_bytes, offset);
    if (result < 0)
        return result;
    /* As many of them as the kernel likes. */
    struct model_inode *node = model_inode_of(fd, &inode);
    uint64_t taken = random_bits(&model_current->random) % (zeros_bytes + 1);
    store_bytes(inode, NULL, taken, offset + length_bytes);
    mark(&node->used, offset, length_bytes + taken);
    mark(&node->dirty, offset, length_bytes + taken);
    return 0;
}

int fs_write_zeros_at(int fd, uint64_t length_bytes, uint64_t offset)
{
    size_t inode;
    model_inode_of(fd, &inode);
    int result = model_begin("write zeros", NEED_SPACE | NEED_CACHE);
    if (result == 0)
        store_bytes(inode, NULL, length_bytes, offset);
    return result;
}

int fs_read_text_at(int folder, const char *path, char *buffer, size_t buffer_bytes)
{
    if (strcmp(path, BOOT_ID_FILE) == 0)
        return snprintf(buffer, buffer_bytes, "00000000-0000-0000-0000-%012u\n",
                        model_current->boot) < (int)buffer_bytes
                   ? 0
                   : -EFBIG;
    if (strcmp(path, MAP_LIMIT_FILE) == 0)
        return snprintf(buffer, buffer_bytes, "65530\n") > 0 ? 0 : -EFBIG;
    int fd = fs_open_read_at(folder, path);
    if (fd < 0)
        return fd;
    size_t read_bytes = 0;
    int result = fs_read_at(fd, buffer, buffer_bytes, 0, &read_bytes);
    fs_close(fd);
    if (result < 0)
        return result;
    if (read_bytes == buffer_bytes)
        return -EFBIG;
    buffer[read_bytes] = '\0';
    return 0;
}

/* ---- mappings ---- */

int fs_map(int fd, size_t length_bytes, enum fs_access access, void **ret_address)
{
    size_t inode;
    struct model_inode *node = model_inode_of(fd, &inode);
    int result = model_fault(NEED_DISK);
    if (result < 0)
        return result == -EIO ? -ENOMEM : result;
    if (length_bytes == 0 ||
        (length_bytes - 1) / MODEL_PAGE_BYTES > (node->size - 1) / MODEL_PAGE_BYTES)
        model_violation("%zu bytes are mapped of a file of %llu", length_bytes,
                        (unsigned long long)node->size);
    node->maps++;
    /* Which mapping it ends, fs_unmap() is not told: the last one to go takes all along. */
    if (access == FS_WRITE)
        node->writable_maps++;
    *ret_address = model_bytes(model_current, inode, MODEL_CACHE);
    return 0;
}

static struct model_inode *inode_at(const void *address, uint64_t *ret_offset)
{
    uint64_t at = (uint64_t)((const char *)address - model_arena);
    uint64_t file = at / MODEL_FILE_BYTES;
    if (!model_owns(address) || file % MODEL_LAYERS != MODEL_CACHE ||
        file / MODEL_LAYERS / MODEL_INODES != model_current->number)
        model_violation("an address that is in no mapping");
    *ret_offset = at % MODEL_FILE_BYTES;
    return &model_current->inodes[file / MODEL_LAYERS % MODEL_INODES];
}

void fs_unmap(void *address, size_t length_bytes)
{
    uint64_t offset;
    if (address == NULL)
        return;
    struct model_inode *node = inode_at(address, &offset);
    if (node->maps == 0 || length_bytes == 0)
        model_violation("unmapped twice");
    if (--node->maps == 0) {
        node->writable_maps = 0;
        for (size_t i = 0; i < MODEL_PAGE_WORDS; i++)
            node->dirty.words[i] |= node->used.words[i];
    }
}

int fs_map_zeros_over(void *page, size_t length_bytes)
{
    (void)length_bytes;
    model_violation("a fault at %p", page);
    return -EFAULT;
}

/* -EFAULT: it reaches behind the end of the file. */
static int check_range(const struct model_inode *node, uint64_t offset, size_t length_bytes)
{
    uint64_t pages = (node->size + MODEL_PAGE_BYTES - 1) / MODEL_PAGE_BYTES;
    return offset + length_bytes > pages * MODEL_PAGE_BYTES ? -EFAULT : 0;
}

int fs_populate_write(void *address, size_t length_bytes)
{
    uint64_t offset;
    struct model_inode *node = inode_at(address, &offset);
    if (model_begin("populate", NEED_DISK | NEED_SPACE) < 0 ||
        check_range(node, offset, length_bytes) < 0)
        return -EFAULT;
    mark(&node->used, offset, length_bytes);
    mark(&node->dirty, offset, length_bytes);
    mark(&node->blocks, offset, length_bytes);
    /* Dirty as if it were stored to. */
    for (uint64_t page = offset / MODEL_PAGE_BYTES; page * MODEL_PAGE_BYTES < offset + length_bytes;
         page++)
        model_page_take(&node->lied, page);
    return 0;
}

int fs_populate_read(const void *address, size_t length_bytes)
{
    uint64_t offset;
    const struct model_inode *node = inode_at(address, &offset);
    return model_fault(NEED_DISK) < 0 ? -EFAULT : check_range(node, offset, length_bytes);
}

size_t fs_page_bytes(void)
{
    return MODEL_PAGE_BYTES;
}

/* ---- sizes, syncs ---- */

int fs_allocate(int fd, uint64_t offset, uint64_t length_bytes)
{
    struct model_inode *node = model_inode_of(fd, NULL);
    int result = model_begin("allocate", NEED_SPACE | NEED_CACHE);
    if (result < 0)
        return result;
    if (offset + length_bytes > MODEL_FILE_BYTES)
        model_violation("the model has no files of so many bytes");
    mark(&node->blocks, offset, length_bytes);
    if (node->size < offset + length_bytes)
        node->size = offset + length_bytes;
    return 0;
}

/* The model's disk has no such blocks. */
int fs_find_unwritten(int fd, uint64_t begin, uint64_t end, uint64_t *ret_begin, uint64_t *ret_end)
{
    model_inode_of(fd, NULL);
    *ret_begin = *ret_end = begin < end ? begin : end;
    return 0;
}

int fs_zero_range(int fd, uint64_t offset, uint64_t length_bytes)
{
    (void)fd;
    (void)offset;
    (void)length_bytes;
    model_violation("zeros for blocks that the model has not");
    return -EOPNOTSUPP;
}

int fs_extend(int fd, uint64_t size_bytes)
{
    struct model_inode *node = model_inode_of(fd, NULL);
    if (node->size >= size_bytes)
        return model_fault(NEED_DISK);
    int result = model_begin("extend", NEED_CACHE);
    if (result < 0)
        return result;
    if (size_bytes > MODEL_FILE_BYTES)
        model_violation("the model has no files of so many bytes");
    node->size = size_bytes;
    return 0;
}

int fs_sync_data(int fd)
{
    size_t inode;
    model_inode_of(fd, &inode);
    int result = model_begin("sync data", NEED_DISK);
    model_sync_file(model_current, inode, result < 0);
    return result;
}

int fs_sync_folder(int fd)
{
    size_t inode;
    model_inode_of(fd, &inode);
    int result = model_begin("sync folder", NEED_DISK);
    if (result == 0)
        model_sync_folder(model_current, inode);
    return result;
}

int fs_sync_file_system(int fd)
{
    model_inode_of(fd, NULL);
    int result = model_begin("sync all", NEED_DISK);
    model_sync_all(model_current, result < 0);
    return result;
}

/* ---- the rest ---- */

int fs_space(int fd, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes)
{
    model_inode_of(fd, NULL);
    *ret_free_bytes = FREE_BYTES;
    *ret_total_bytes = 2 * FREE_BYTES;
    return model_fault(NEED_DISK);
}

uint64_t fs_open_files_max(void)
{
    return MODEL_DESCRIPTORS;
}

int fs_lock_try(int fd)
{
    struct model_inode *node = model_inode_of(fd, NULL);
    if (node->lock_fd >= 0 && node->lock_fd != fd)
        return -EWOULDBLOCK;
    node->lock_fd = (int16_t)fd;
    return 0;
}

int fs_lock_probe(int fd, bool *ret_is_locked)
{
    const struct model_inode *node = model_inode_of(fd, NULL);
    *ret_is_locked = node->lock_fd >= 0 && node->lock_fd != fd;
    return 0;
}
