/* Sends this host's own sensors: sampled on a regular clock, a batch twice a second. */
#include "send.h"

#include "clock_ns.h"
#include "host_sensors.h"
#include "series_path.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define RATE_HZ_DEFAULT     100
#define RATE_HZ_MAX         1000
#define INTERVAL_NS_DEFAULT (500 * NS_PER_MS)
#define ROWS_MAX            65536

struct host_source {
    struct sender *sender;
    struct host_sensors *sensors;
    size_t sensor_count;
    double *values; /* of one sample of all sensors */
    struct ingest_block *blocks;
    uint8_t **columns; /* rows of each sensor, f4 or f8 */
    uint32_t rows;
    uint32_t rows_max;
    int64_t period_ns;
    int64_t t0_ns; /* real time of the first row */
};

/* "host/<hostname>" */
static bool default_prefix(char *prefix, size_t prefix_bytes)
{
    char host[HOST_NAME_MAX + 1];
    if (gethostname(host, sizeof host) != 0)
        strcpy(host, "localhost");
    host[sizeof host - 1] = '\0';
    prefix[0] = '\0';
    return series_path_append(prefix, prefix_bytes, "host") &&
           series_path_append(prefix, prefix_bytes, host);
}

static bool allocate(struct host_source *source)
{
    size_t count = source->sensor_count;
    source->values = calloc(count, sizeof *source->values);
    source->blocks = calloc(count, sizeof *source->blocks);
    source->columns = calloc(count, sizeof *source->columns);
    if (source->values == NULL || source->blocks == NULL || source->columns == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct host_sensor *sensor = host_sensors_get(source->sensors, i);
        source->columns[i] =
            malloc(source->rows_max * (sensor->is_wide ? sizeof(double) : sizeof(float)));
        if (source->columns[i] == NULL)
            return false;
        source->blocks[i] = (struct ingest_block){.name = sensor->name,
                                                  .dtype = sensor->is_wide ? "f8" : "f4",
                                                  .clock = INGEST_REGULAR,
                                                  .period_ps = source->period_ns * 1000,
                                                  .values = source->columns[i]};
    }
    return true;
}

static void take_row(struct host_source *source, int64_t now_ns)
{
    if (source->rows == 0)
        source->t0_ns = clock_realtime_ns();
    host_sensors_sample(source->sensors, now_ns, source->values);
    for (size_t i = 0; i < source->sensor_count; i++) {
        if (host_sensors_get(source->sensors, i)->is_wide) {
            ((double *)(void *)source->columns[i])[source->rows] = source->values[i];
        } else {
            ((float *)(void *)source->columns[i])[source->rows] = (float)source->values[i];
        }
    }
    source->rows++;
}

static int push_rows(struct host_source *source)
{
    if (source->rows == 0)
        return 0;
    for (size_t i = 0; i < source->sensor_count; i++) {
        source->blocks[i].count = source->rows;
        source->blocks[i].t0_ns = source->t0_ns;
    }
    source->rows = 0;
    return sender_push(source->sender, source->blocks, source->sensor_count);
}

static int sample(struct host_source *source, int64_t duration_ns)
{
    int64_t tick_ns = clock_monotonic_ns();
    int64_t end_ns = duration_ns != 0 ? tick_ns + duration_ns : INT64_MAX;
    /* Rates and shares begin with the second sample, so the first one is not sent. */
    host_sensors_sample(source->sensors, tick_ns, source->values);
    for (tick_ns += source->period_ns; tick_ns < end_ns + source->period_ns;
         tick_ns += source->period_ns) {
        int status = sender_wait(source->sender, -1, tick_ns);
        if (status != 0) {
            int pushed = push_rows(source);
            return pushed > 0 ? pushed : status;
        }
        int64_t now_ns = clock_monotonic_ns();
        /* Ticks were missed: what follows begins a new run at its own time. */
        if (now_ns - tick_ns >= source->period_ns && now_ns - tick_ns > NS_PER_S / 100) {
            status = push_rows(source);
            if (status != 0)
                return status;
            tick_ns = now_ns = clock_monotonic_ns();
        }
        take_row(source, now_ns);
        if (source->rows == source->rows_max) {
            status = push_rows(source);
            if (status != 0)
                return status;
        }
    }
    return push_rows(source);
}

int send_host(const struct send_options *options, struct sender *sender)
{
    char prefix[WIRE_NAME_BYTES_MAX + 1];
    double rate_hz = options->period_ps != 0 ? options->rate_hz : RATE_HZ_DEFAULT;
    if (rate_hz > RATE_HZ_MAX)
        return send_fail(EX_USAGE, "--host is sampled at up to %d Hz", RATE_HZ_MAX);
    if (options->series != NULL)
        snprintf(prefix, sizeof prefix, "%s", options->series);
    if (options->series != NULL ? strlen(options->series) >= sizeof prefix
                                : !default_prefix(prefix, sizeof prefix))
        return send_fail(EX_USAGE, "--series: a name has at most %d bytes", WIRE_NAME_BYTES_MAX);

    struct host_source source = {.sender = sender,
                                 .period_ns = (int64_t)llrint((double)NS_PER_S / rate_hz)};
    int64_t interval_ns = options->interval_ns != 0 ? options->interval_ns : INTERVAL_NS_DEFAULT;
    int64_t rows = interval_ns / source.period_ns;
    source.rows_max = rows < 1 ? 1 : rows > ROWS_MAX ? ROWS_MAX : (uint32_t)rows;
    int result = host_sensors_open("", prefix, &source.sensors);
    if (result < 0)
        return send_fail(EX_OSERR, "/proc: %s", strerror(-result));
    source.sensor_count = host_sensors_count(source.sensors);
    int status = allocate(&source) ? sample(&source, options->duration_ns)
                                   : send_fail(EX_OSERR, "out of memory");
    for (size_t i = 0; source.columns != NULL && i < source.sensor_count; i++)
        free(source.columns[i]);
    free(source.columns);
    free(source.blocks);
    free(source.values);
    host_sensors_close(source.sensors);
    return status;
}
