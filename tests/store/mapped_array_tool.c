/* mapped_array_tool MODE npy|raw PATH DTYPE C|F OFFSET DIM[,DIM...]|- OPERATION...
 *
 * Opens an array ("-" for DTYPE of a .npy file: whatever it says; a dim of "rest"), says "ok" and
 * its shape, and does:
 *   get          writes the bytes of its elements, in the order of the file
 *   set I BYTE   stores a byte into every byte of element I
 *   flush        mapped_array_flush()
 *   wait         reads a line from standard input
 * An error is one line: its number and the sentence; exit 1. */
#include "mapped_array.h"
#include "sigbus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(int result, const struct error_text *error)
{
    printf("%d %s\n", -result, error->text);
    return 1;
}

static enum mapped_mode mode_named(const char *name)
{
    if (strcmp(name, "r") == 0)
        return MAPPED_READ;
    if (strcmp(name, "r+") == 0)
        return MAPPED_READ_WRITE;
    return strcmp(name, "w+") == 0 ? MAPPED_CREATE : MAPPED_COPY;
}

static void take_dims(char *text, struct npy_shape *shape)
{
    if (strcmp(text, "-") == 0)
        return;
    for (char *dim = strtok(text, ","); dim != NULL; dim = strtok(NULL, ","))
        shape->dims[shape->rank++] =
            strcmp(dim, "rest") == 0 ? MAPPED_ARRAY_REST : strtoull(dim, NULL, 10);
}

static int operate(struct mapped_array *array, char **operations)
{
    const struct npy_shape *shape = mapped_array_shape(array);
    size_t size = dtype_size(shape->dtype);
    uint64_t elements, bytes;
    struct error_text error = {""};
    if (!npy_shape_bytes(shape, &elements, &bytes))
        return 1;
    for (char **operation = operations; *operation != NULL; operation++) {
        if (strcmp(*operation, "get") == 0) {
            if (bytes > 0)
                fwrite(mapped_array_data(array), 1, (size_t)bytes, stdout);
        } else if (strcmp(*operation, "set") == 0) {
            size_t index = (size_t)strtoull(operation[1], NULL, 10);
            memset((char *)mapped_array_data(array) + index * size,
                   (int)strtol(operation[2], NULL, 10), size);
            operation += 2;
        } else if (strcmp(*operation, "wait") == 0) {
            (void)getchar();
        } else if (strcmp(*operation, "flush") == 0) {
            int result = mapped_array_flush(array, &error);
            if (result < 0)
                return fail(result, &error);
        }
        fflush(stdout);
    }
    int result = mapped_array_check(array, &error);
    return result < 0 ? fail(result, &error) : 0;
}

int main(int argc, char **argv)
{
    if (argc < 8 || sigbus_install() < 0)
        return 64;
    struct npy_shape shape = {.fortran_order = argv[5][0] == 'F',
                              .header_bytes = strtoull(argv[6], NULL, 10)};
    struct mapped_array *array = NULL;
    struct error_text error = {""};
    bool known = npy_dtype_parse(argv[4], &shape);
    take_dims(argv[7], &shape);
    int result = strcmp(argv[2], "npy") == 0
                     ? mapped_array_open_npy(argv[3], mode_named(argv[1]), known ? &shape : NULL,
                                             &array, &error)
                     : mapped_array_open_raw(argv[3], mode_named(argv[1]), &shape, &array, &error);
    if (result < 0)
        return fail(result, &error);
    char descr[NPY_DESCR_BYTES];
    const struct npy_shape *is = mapped_array_shape(array);
    printf("ok %s %s %" PRIu64 " %" PRIu64, npy_descr(is, descr), is->fortran_order ? "F" : "C",
           (uint64_t)is->header_bytes, mapped_array_trailing_bytes(array));
    for (unsigned d = 0; d < is->rank; d++)
        printf(" %" PRIu64, is->dims[d]);
    printf("\n");
    fflush(stdout);
    int code = operate(array, argv + 8);
    mapped_array_close(array);
    return code;
}
