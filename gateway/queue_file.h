/* queue_file.h - the system calls of the on-disk queue and of dead letters, with EINTR and short
 * transfers dealt with. Results are 0 or a negative errno. */
#ifndef INGEST_QUEUE_FILE_H
#define INGEST_QUEUE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens a folder, which is made (for its owner alone, and durably) when it is not there. */
int queue_folder_open(const char *path, int *ret_fd);

/* The same, within a folder. */
int queue_folder_open_at(int folder_fd, const char *name, int *ret_fd);

/* Takes the folder's lock, file LOCK, until the descriptor is closed. -EBUSY: another process, or
 * another gateway of this one, has it. */
int queue_folder_lock(int folder_fd, int *ret_fd);

/* Calls back with each name of the folder, until it returns below 0, which is then the result. */
int queue_folder_list(int folder_fd, int (*visit)(const char *name, void *context), void *context);

/* Makes file `name` of these two pieces, whole and durable. What had that name is replaced.
 * `ret_fd` (NULL = not wanted) is its descriptor: -1 after an error where the file is not there;
 * after one where it is, and perhaps not after a power cut, the descriptor still. */
int queue_file_create(int folder_fd, const char *name, const void *head, size_t head_bytes,
                      const void *body, size_t body_bytes, int *ret_fd);

/* The suffix of a file that is being made. One that is found was left by a crash. */
#define QUEUE_UNFINISHED ".unfinished"

int queue_file_open(int folder_fd, const char *name, bool for_writing, int *ret_fd);
int queue_file_length(int fd, uint64_t *ret_bytes);

int queue_file_rename(int folder_fd, const char *name, const char *new_name);

/* Removes a file; one that is not there is no error. */
int queue_file_remove(int folder_fd, const char *name);

/* Syncs a folder. Some file systems cannot, and need not: no error. */
int queue_folder_sync(int folder_fd);

int queue_file_sync(int fd);
int queue_file_cut(int fd, uint64_t length);

/* Writes both pieces at an offset: all or an error, and then perhaps some of it. */
int queue_file_write(int fd, uint64_t offset, const void *head, size_t head_bytes, const void *body,
                     size_t body_bytes);

/* -ENODATA: the file ends before. */
int queue_file_read(int fd, uint64_t offset, void *to, size_t length);

/* NULL is no descriptor; -1 is none either. */
void queue_close(int *fd);

#endif
