/* mapped_array.h - an array of numbers in a file, mapped into memory, in the four modes of NumPy's
 * memmap: a .npy file, or a raw file of which the caller says what is in it.
 *
 *     mapped_array_open_npy / mapped_array_open_raw -> mapped_array_data ... -> mapped_array_flush
 *     -> mapped_array_close
 *
 * An array is described by struct npy_shape: dtype, byte order, dims, order of its elements, and
 * `header_bytes`, where in the file the first element lies, of any alignment. What does not fit the
 * file is an error here, before any element is looked at.
 *
 * Any number of processes may map one file: stores of one are seen by all others at once, and
 * nothing orders them. A file that is cut while it is mapped would be SIGBUS: call sigbus_install()
 * once in main(); then lost pages read as zeros and mapped_array_check() says so.
 *
 * Threads: functions on one array by one thread at a time; its elements as C has it. */
#ifndef INGEST_MAPPED_ARRAY_H
#define INGEST_MAPPED_ARRAY_H

#include "error_text.h"
#include "npy_header.h"

#include <stddef.h>
#include <stdint.h>

enum mapped_mode {
    MAPPED_READ,       /* "r": the file exists; storing to it is SIGSEGV */
    MAPPED_READ_WRITE, /* "r+": the file exists; stores go to it. It never grows: NumPy's does */
    MAPPED_CREATE, /* "w+": a new file of zeros, with all its blocks, takes the place of the one of
                      that name; whoever has the old one mapped keeps it, where NumPy's would cut
                      it */
    MAPPED_COPY    /* "c": the file exists; stores stay in this process's memory */
};

/* As first dimension of a raw file that exists: as many as there are. */
#define MAPPED_ARRAY_REST UINT64_MAX

struct mapped_array;

/* Opens a .npy file, version 1.0 to 3.0. With `wanted`, the header must say that dtype, byte order
 * and shape (its header_bytes are not looked at, and the order of elements only where it makes a
 * difference); with NULL, whatever it says. In mode MAPPED_CREATE `wanted` is what is made, with a
 * header of NPY_HEADER_BYTES. The caller closes *ret_array.
 *
 * 0; -ENOENT, -EACCES and others of the system; -EBADMSG: no .npy file, or a broken header;
 * -ENOTSUP: elements or a rank that this has no support for; -EPROTOTYPE: not what was wanted;
 * -ENODATA: the file is shorter than its header says; -EINVAL: nothing wanted to create, not a
 * regular file; -EOVERFLOW: more than the address space holds. `error` (may be NULL) gets the
 * sentence. */
int mapped_array_open_npy(const char *path, enum mapped_mode mode, const struct npy_shape *wanted,
                          struct mapped_array **ret_array, struct error_text *error);

/* Opens a raw file whose elements begin at shape->header_bytes; MAPPED_CREATE makes it, with zeros
 * before them. The file may go on behind the array. Errors as above; -ENODATA: it is shorter than
 * the array, or MAPPED_ARRAY_REST and not a whole number of rows; -EINVAL: no dtype, a rank above
 * NPY_RANK_MAX, a product that overflows, MAPPED_ARRAY_REST of a file to be made or of rows
 * without elements. */
int mapped_array_open_raw(const char *path, enum mapped_mode mode, const struct npy_shape *shape,
                          struct mapped_array **ret_array, struct error_text *error);

/* Unmaps and closes; NULL is allowed. What was stored is seen by others, and on the disk some time
 * later: mapped_array_flush() waits for that. */
void mapped_array_close(struct mapped_array *array);

/* What the array is, MAPPED_ARRAY_REST resolved; owned by the array. */
const struct npy_shape *mapped_array_shape(const struct mapped_array *array);

/* Its elements, as they lie in the file: in its byte order, and aligned only as header_bytes makes
 * them. NULL when there are none. Not to be stored to in mode MAPPED_READ. Good until
 * mapped_array_close(). */
void *mapped_array_data(struct mapped_array *array);

/* Bytes of the file behind the array, when it was opened. */
uint64_t mapped_array_trailing_bytes(const struct mapped_array *array);

/* Waits until what was stored is on the disk, and of a new file also its name. Nothing to do in
 * modes MAPPED_READ and MAPPED_COPY. -EIO and others: it may not be there, and asking again would
 * not tell; -EFAULT: the file was cut. */
int mapped_array_flush(struct mapped_array *array, struct error_text *error);

/* Whether all of the array is still in the file: 0, or -EFAULT when it was cut or could not be read
 * since it was opened, so that what was read from it is void. Asks the file system. */
int mapped_array_check(const struct mapped_array *array, struct error_text *error);

/* In mode MAPPED_READ: lets go of the pages that were touched, so that a pass over an array of any
 * size takes no more memory than the caller's. They come back when they are touched again. */
void mapped_array_forget(struct mapped_array *array);

#endif
