/* file_system.h - every system call that the store makes on files, one thin wrapper each.
 *
 * Results are 0 (or a file descriptor where it says so) or a negative errno; EINTR is handled here.
 * Paths are relative to `folder`, a file descriptor, or FS_HERE for the working directory. Nothing
 * keeps state; any thread. */
#ifndef INGEST_FILE_SYSTEM_H
#define INGEST_FILE_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeros that fs_write_padded_at() may be asked for. */
#define FS_ZEROS_MAX (256 << 10)

#define FS_HERE (-100) /* AT_FDCWD */

/* Folders are made 0750 and files 0640: what the umask leaves of it. Descriptors are closed on
 * exec. What is there and is neither a file nor a folder (a FIFO, a device) is -EBADMSG; nothing
 * waits for it. */
int fs_open_read_at(int folder, const char *path);      /* descriptor */
int fs_open_write_at(int folder, const char *path);     /* descriptor, for reading and writing */
int fs_open_or_create_at(int folder, const char *path); /* descriptor, for reading and writing */
int fs_create_at(int folder, const char *path);         /* descriptor; -EEXIST */
int fs_open_folder_at(int folder, const char *path);    /* descriptor; -ENOTDIR */
void fs_close(int fd);                                  /* negative: nothing */

struct fs_status {
    uint64_t size_bytes;
    uint64_t allocated_bytes; /* of disk */
    uint64_t inode;
    uint64_t device;
    uint64_t links; /* 0 = unlinked */
    bool is_file;
    bool is_folder;
};
int fs_stat(int fd, struct fs_status *ret_status);
int fs_stat_at(int folder, const char *path,
               struct fs_status *ret_status); /* symbolic links are not followed */

/* Reads until the end of the file or of the buffer. */
int fs_read_at(int fd, void *buffer, size_t length_bytes, uint64_t offset, size_t *ret_read_bytes);
/* Writes all of it or fails. */
int fs_write_at(int fd, const void *bytes, size_t length_bytes, uint64_t offset);
/* Writes all bytes or fails; behind them as many of the zeros as the system takes at once. */
int fs_write_padded_at(int fd, const void *bytes, size_t length_bytes, size_t zeros_bytes,
                       uint64_t offset);
/* Writes that many zeros or fails. */
int fs_write_zeros_at(int fd, uint64_t length_bytes, uint64_t offset);
/* A whole small file with a NUL after it; -EFBIG when it does not fit. */
int fs_read_text_at(int folder, const char *path, char *buffer, size_t buffer_bytes);

enum fs_access {
    FS_READ,
    FS_WRITE,
    FS_COPY /* stores go to pages of our own and never to the file */
};
/* Maps [0, length) shared; the file must be that long, or touching what lies behind its end is
 * SIGBUS. */
int fs_map(int fd, size_t length_bytes, enum fs_access access, void **ret_address);
/* The same of [offset, offset + length); the offset is one of a page. */
int fs_map_part(int fd, uint64_t offset, size_t length_bytes, enum fs_access access,
                void **ret_address);
void fs_unmap(void *address, size_t length_bytes); /* NULL: nothing */
/* Writes what was stored to a shared mapping to the disk, and waits. */
int fs_sync_map(void *address, size_t length_bytes);
/* Lets go of the pages of a mapping that is only read; they come back when they are touched. */
void fs_drop_pages(void *address, size_t length_bytes);
/* Puts pages of zeros of our own in the place of whole pages of a mapping. For signal handlers. */
int fs_map_zeros_over(void *page, size_t length_bytes);

/* Faults pages in, writable: what would be SIGBUS (disk full, file too short) is -EFAULT. -EINVAL:
 * the kernel is older than 5.14. The range is widened to whole pages. */
int fs_populate_write(void *address, size_t length_bytes);
/* The same for reading. */
int fs_populate_read(const void *address, size_t length_bytes);

/* Allocates blocks for [offset, offset + length) without changing what is there; the file grows to
 * cover it. -ENOSPC; -EOPNOTSUPP: the file system cannot. */
int fs_allocate(int fd, uint64_t offset, uint64_t length_bytes);
/* Makes the file at least that long; never shortens it. */
int fs_extend(int fd, uint64_t size_bytes);
/* The first range at or behind `begin` and before `end` whose blocks were never written as far as
 * the file system knows, of which it reads zeros once the cache is gone. 1 with the range, in whole
 * blocks (it may end behind `end`); 0: there is none, or the file system cannot tell. */
int fs_find_unwritten(int fd, uint64_t begin, uint64_t end, uint64_t *ret_begin, uint64_t *ret_end);
/* Makes zeros of a range of whole blocks, in the cache and on disk; the file keeps its size. */
int fs_zero_range(int fd, uint64_t offset, uint64_t length_bytes);

int fs_sync_data(int fd);
int fs_sync_folder(int fd);
/* Syncs the whole file system that the regular file `fd` lies on. An error of any write since `fd`
 * was opened is told, once. */
int fs_sync_file_system(int fd);

/* Makes the folder and those above it; it is no error when they are there. */
int fs_make_folders(int folder, const char *path);
/* One folder, whose parent is there; -EEXIST, -ENOENT and others. */
int fs_make_folder_at(int folder, const char *path);
int fs_remove_at(int folder, const char *path);
int fs_remove_folder_at(int folder, const char *path); /* -ENOTEMPTY */
int fs_rename_at(int folder, const char *from, const char *to);
int fs_link_at(int folder, const char *from, const char *to); /* -EEXIST */

/* Calls `visit` for every entry but "." and "..", in no order, until it returns non-zero, which is
 * returned. */
int fs_for_each_entry(int folder, const char *path,
                      int (*visit)(const char *entry, bool is_folder, void *context),
                      void *context);

/* Free for us (not for root alone), and in all. */
int fs_space(int fd, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes);

/* Descriptors that the process may have open. */
uint64_t fs_open_files_max(void);

/* A write lock on the whole file that lives as long as the open file (OFD). -EWOULDBLOCK: somebody
 * else has it. */
int fs_lock_try(int fd);
/* Whether somebody else has it; needs no right to write. */
int fs_lock_probe(int fd, bool *ret_is_locked);

size_t fs_page_bytes(void);

#endif
