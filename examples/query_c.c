/* A reader in C: a series' statistics, and its largest variance over rolling windows of ROWS rows.
 * cc query_c.c $(pkg-config --cflags --libs ingest-query) -lm; ./a.out STORE SERIES ROWS */
#include <ingest_query.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int keep_largest(void *context, uint64_t first, size_t count, const int64_t *times_ns,
                        const double *const *columns)
{
    (void)first, (void)times_ns;
    for (size_t i = 0; i < count; i++)
        *(double *)context = fmax(*(double *)context, columns[0][i]);
    return 0;
}

int main(int argc, char **argv)
{
    struct ingest_query_error error;
    struct ingest_series *series;
    struct ingest_snapshot now;
    struct ingest_statistics all;
    double most = 0;
    if (argc != 4)
        return 64;
    const struct ingest_window window = {.rows = strtoull(argv[3], NULL, 10)};
    if (ingest_series_open(argv[1], argv[2], &series, &error) < 0)
        return fprintf(stderr, "%s\n", error.text), 66;
    int result = ingest_series_snapshot(series, &now);
    if (result == 0)
        result = ingest_series_statistics(series, now.first, now.count, 0, NULL, &all);
    if (result == 0)
        result = ingest_series_rolling(series, now.first, now.count, 0, &window, "var", NULL,
                                       keep_largest, &most);
    if (result == 0)
        printf("mean %.17g var %.17g largest %.17g\n", all.mean, all.var, most);
    ingest_series_close(series);
    return result != 0;
}
