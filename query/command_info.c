#include "json_text.h"
#include "number_text.h"
#include "series_facts.h"
#include "series_rows.h"
#include "sink.h"
#include "summary_form.h"
#include "units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* One fact is a line, or a member of a JSON object. */
struct info_writer {
    const struct query_options *options;
    struct sink *sink;
    bool json;
    bool any; /* something stands in the object, or above it, already */
};

static void write_key(struct info_writer *writer, const char *key)
{
    if (!writer->json) {
        sink_print(writer->sink, "%-14s", key);
        writer->any = true;
        return;
    }
    sink_print(writer->sink, "%s", writer->any ? "," : "{");
    json_write_text(writer->sink, key);
    sink_print(writer->sink, ":");
    writer->any = true;
}

static void write_text(struct info_writer *writer, const char *key, const char *text)
{
    if (!writer->json && text[0] == '\0')
        return;
    write_key(writer, key);
    if (writer->json)
        json_write_text(writer->sink, text);
    else
        sink_print(writer->sink, "%s\n", text);
}

static void write_number(struct info_writer *writer, const char *key, stats_i128 number)
{
    char text[NUMBER_TEXT_BYTES];
    write_key(writer, key);
    sink_print(writer->sink, "%s%s", number_text_integer(number, text), writer->json ? "" : "\n");
}

static void write_time(struct info_writer *writer, const char *key, int64_t time_ns)
{
    char text[TIME_TEXT_BYTES];
    if (writer->options->time_form == TIME_FORM_NS && time_ns != INT64_MIN) {
        write_number(writer, key, time_ns);
    } else if (time_ns != INT64_MIN) {
        write_text(writer, key, time_format_iso(time_ns, text));
    } else {
        write_key(writer, key);
        sink_print(writer->sink, "%s", writer->json ? "null" : "-\n");
    }
}

static void write_runs(struct info_writer *writer, struct series_facts *facts)
{
    const struct reader_snapshot *snapshot = &facts->snapshot;
    struct reader_run run;
    char text[64], duration[40];
    if (reader_info(facts->reader)->type.clock != SERIES_REGULAR)
        return;
    write_number(writer, "runs", snapshot->runs_count - snapshot->runs_first);
    write_number(writer, "runs_capacity", reader_info(facts->reader)->runs_capacity);
    if (snapshot->runs_count == snapshot->runs_first ||
        reader_run(facts->reader, snapshot->runs_count - 1, &run) < 0)
        return;
    if (writer->json) {
        write_number(writer, "period_ps", run.period_ps);
        return;
    }
    snprintf(text, sizeof text, "%s (%.9g Hz)",
             units_format_duration(run.period_ps / 1000, duration, sizeof duration),
             1e12 / (double)run.period_ps);
    write_text(writer, "period", text);
}

/* Length, and what the file system holds of it: a ring's first lap is not there yet. */
static void write_file(struct info_writer *writer, const char *folder, const char *file,
                       const char *separator)
{
    struct stat status;
    char path[4096], length[32], held[32];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (stat(path, &status) != 0)
        return;
    uint64_t bytes = (uint64_t)status.st_size, allocated = (uint64_t)status.st_blocks * 512;
    if (writer->json) {
        sink_print(writer->sink, "%s{\"name\":", separator);
        json_write_text(writer->sink, file);
        sink_print(writer->sink, ",\"bytes\":%" PRIu64 ",\"allocated\":%" PRIu64 "}", bytes,
                   allocated);
    } else {
        sink_print(writer->sink, "%-14s%s, on disk %s\n", file,
                   units_format_bytes(bytes, length, sizeof length),
                   units_format_bytes(allocated, held, sizeof held));
    }
}

static void write_files(struct info_writer *writer, const struct reader *reader, const char *folder)
{
    const struct reader_info *info = reader_info(reader);
    if (writer->json) {
        write_key(writer, "files");
        sink_print(writer->sink, "[");
    }
    write_file(writer, folder, SERIES_HEAD_FILE, "");
    write_file(writer, folder, SERIES_VALUES_FILE, ",");
    write_file(writer, folder,
               info->type.clock == SERIES_REGULAR ? SERIES_RUNS_FILE : SERIES_TIMES_FILE, ",");
    write_file(writer, folder, SERIES_META_FILE, ",");
    for (unsigned level = 0; level < reader_summary_levels(reader); level++)
        write_file(writer, folder, summary_file(level), ",");
    if (writer->json)
        sink_print(writer->sink, "]");
}

/* The line of NumPy that opens the values: up to the count, or a ring that has lapped in the order
 * of time. */
static void write_numpy(struct info_writer *writer, const struct series_facts *facts,
                        const char *folder)
{
    const struct reader_info *info = reader_info(facts->reader);
    char line[9000];
    if (info->capacity == 0 || facts->snapshot.count <= info->capacity)
        snprintf(line, sizeof line,
                 "np.load(\"%s/values.npy\", mmap_mode=\"r\")[:np.load(\"%s/head.npy\")[16]]",
                 folder, folder);
    else
        snprintf(line, sizeof line,
                 "np.roll(np.load(\"%s/values.npy\", mmap_mode=\"r\"), "
                 "-(np.load(\"%s/head.npy\")[16] %% "
                 "%" PRIu64 "), axis=0)",
                 folder, folder, info->capacity);
    write_text(writer, "numpy", line);
}

static void write_identity(struct info_writer *writer, const struct series_facts *facts,
                           const char *folder)
{
    const struct reader_info *info = reader_info(facts->reader);
    char shape[SHAPE_TEXT_BYTES];
    write_text(writer, "series", info->name);
    write_text(writer, "folder", folder);
    write_number(writer, "format", STORE_FORMAT_VERSION);
    write_number(writer, "id", info->id);
    write_text(writer, "dtype", dtype_name(info->type.dtype));
    write_text(writer, "shape", shape_text(&info->type, shape));
    write_number(writer, "sample_bytes", info->sample_bytes);
    write_text(writer, "clock", clock_text(&info->type));
    write_text(writer, "mode", mode_text(info));
    write_number(writer, "capacity", info->capacity);
}

static int write_info(struct info_writer *writer, const char *name)
{
    struct series_facts facts;
    char folder[4096];
    int code = series_facts_open(writer->options->store, name, &facts);
    if (code != 0)
        return code;
    const struct reader_snapshot *snapshot = &facts.snapshot;
    snprintf(folder, sizeof folder, "%s/" STORE_SERIES_DIR "/%s", writer->options->store, name);
    if (writer->any && !writer->json)
        sink_print(writer->sink, "\n");
    writer->any = false;
    write_identity(writer, &facts, folder);
    write_number(writer, "count", snapshot->count);
    write_number(writer, "first_row", snapshot->first);
    write_number(writer, "rows", snapshot->count - snapshot->first);
    write_number(writer, "durable", snapshot->durable);
    write_number(writer, "summarised", snapshot->summarised);
    write_time(writer, "first_time", facts.first_time_ns);
    write_time(writer, "last_time", snapshot->last_time_ns);
    write_runs(writer, &facts);
    write_time(writer, "created", reader_info(facts.reader)->created_ns);
    write_time(writer, "updated",
               snapshot->last_update_ns > 0 ? snapshot->last_update_ns : INT64_MIN);
    write_number(writer, "epoch", snapshot->epoch);
    write_text(writer, "unit", reader_meta(facts.reader, "unit"));
    write_text(writer, "description", reader_meta(facts.reader, "description"));
    write_text(writer, "elements", reader_meta(facts.reader, "elements"));
    write_files(writer, facts.reader, folder);
    write_numpy(writer, &facts, folder);
    sink_print(writer->sink, "%s", writer->json ? "}\n" : "");
    series_facts_close(&facts);
    return 0;
}

int command_info(const struct query_options *options)
{
    struct series_selection selection = {0};
    struct info_writer writer = {.options = options, .json = options->format == FORMAT_JSON};
    int code = series_select(options, &selection);
    if (code == 0)
        code = sink_open(options->output_path, false, &writer.sink);
    /* A damaged series does not hide the others. */
    int worst = 0;
    for (size_t i = 0; i < selection.count && code == 0 && !sink_failed(writer.sink); i++) {
        int written = write_info(&writer, selection.names[i]);
        if (worst == 0)
            worst = written;
    }
    int closed = sink_close(writer.sink, code == 0);
    series_selection_free(&selection);
    if (code == 0)
        code = closed;
    return code != 0 ? code : worst;
}
