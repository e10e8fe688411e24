/* npy_header_tool - what the Python test drives.
 *
 *   npy_header_tool parse FILE...              one line a file: dtype order header_bytes dim dim
 * ... | error number npy_header_tool write FILE DTYPE WIDTH DIM...   writes a header and nothing
 * else */
#include "npy_header.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse(const char *path)
{
    static char bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return 1;
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    struct npy_shape shape;
    int result = npy_header_parse(bytes, length, &shape);
    if (result < 0) {
        printf("%s\n", result == -ENOTSUP ? "ENOTSUP" : result == -ENODATA ? "ENODATA" : "EBADMSG");
        return 0;
    }
    printf("%s %s %" PRIu64, dtype_name(shape.dtype), shape.fortran_order ? "F" : "C",
           shape.header_bytes);
    for (unsigned d = 0; d < shape.rank; d++)
        printf(" %" PRIu64, shape.dims[d]);
    printf("\n");
    return 0;
}

static int write_header(int argc, char **argv)
{
    struct npy_shape shape = {.dtype = dtype_from_name(argv[3])};
    for (int i = 5; i < argc && shape.rank < NPY_RANK_MAX; i++)
        shape.dims[shape.rank++] = strtoull(argv[i], NULL, 10);
    char bytes[NPY_HEADER_BYTES];
    if (npy_header_write(&shape, (unsigned)strtoul(argv[4], NULL, 10), bytes) < 0)
        return 1;
    FILE *file = fopen(argv[2], "wb");
    if (file == NULL)
        return 1;
    size_t written = fwrite(bytes, 1, sizeof bytes, file);
    return fclose(file) == 0 && written == sizeof bytes ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc >= 5 && strcmp(argv[1], "write") == 0)
        return write_header(argc, argv);
    if (argc < 3 || strcmp(argv[1], "parse") != 0)
        return 64;
    for (int i = 2; i < argc; i++)
        if (parse(argv[i]) != 0)
            return 1;
    return 0;
}
