/* `status --gateways`: the sessions that the daemon heard of lately, the last one first. */
#include "gateways_file.h"
#include "output.h"
#include "query.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int compare_seen(const void *a, const void *b)
{
    const struct gateways_row *left = a;
    const struct gateways_row *right = b;
    return left->seen_ns < right->seen_ns ? 1 : left->seen_ns > right->seen_ns ? -1 : 0;
}

int command_status_gateways(const struct query_options *options)
{
    static const struct column columns[] = {
        {"name", CELL_TEXT},      {"address", CELL_TEXT},    {"session", CELL_TEXT},
        {"last_seen", CELL_TIME}, {"stored", CELL_INTEGER},  {"durable", CELL_INTEGER},
        {"late", CELL_INTEGER},   {"refused", CELL_INTEGER},
    };
    struct gateways_row *rows = NULL;
    size_t count = 0;
    struct error_text error = {""};
    struct output *output = NULL;
    int result = gateways_file_read(options->store, &rows, &count, &error);
    if (result < 0)
        return query_error(query_exit_code(result), "%s", error.text);
    int code = output_open(options, columns, sizeof columns / sizeof columns[0], &output);
    if (code == 0) {
        qsort(rows, count, sizeof rows[0], compare_seen);
        for (size_t i = 0; i < count; i++) {
            char session[24];
            snprintf(session, sizeof session, "%016" PRIx64, rows[i].session);
            const struct cell cells[] = {
                {.kind = CELL_TEXT, .text = rows[i].name},
                {.kind = CELL_TEXT, .text = rows[i].address},
                {.kind = CELL_TEXT, .text = session},
                {.kind = CELL_TIME, .time_ns = rows[i].seen_ns},
                {.kind = CELL_INTEGER, .integer = rows[i].stored},
                {.kind = CELL_INTEGER, .integer = rows[i].durable},
                {.kind = CELL_INTEGER, .integer = rows[i].late},
                {.kind = CELL_INTEGER, .integer = rows[i].refused},
            };
            output_row(output, cells);
        }
        code = output_close(output, 0);
    }
    free(rows);
    return code;
}
