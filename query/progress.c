#include "progress.h"

#include "clock_ns.h"
#include "units.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PROGRESS_PERIOD_NS (NS_PER_S / 10)
/* Work that is shorter than this shows nothing: a line that only flashes helps nobody. */
#define PROGRESS_DELAY_NS (NS_PER_S / 2)

static struct {
    const char *label; /* NULL when no meter runs */
    uint64_t total;
    int64_t started_ns; /* monotonic */
    int64_t shown_ns;   /* monotonic, of the last line written */
    bool terminal;
    bool on_screen;
} meter;

static _Thread_local struct {
    _Atomic uint64_t *total; /* NULL: this thread has the meter */
    uint64_t done;           /* of the work under way, in *total already */
} counting;

void progress_count_into(_Atomic uint64_t *total)
{
    counting.total = total;
}

void progress_begin(const char *label, uint64_t total)
{
    counting.done = 0;
    if (counting.total != NULL)
        return;
    progress_end();
    meter.label = label;
    meter.total = total;
    meter.started_ns = clock_monotonic_ns();
    meter.shown_ns = meter.started_ns + PROGRESS_DELAY_NS - PROGRESS_PERIOD_NS;
    meter.terminal = isatty(STDERR_FILENO) == 1;
    meter.on_screen = false;
}

static const char *rate_text(double rows_per_s, char buffer[32])
{
    if (rows_per_s >= 999.5e6)
        snprintf(buffer, 32, "%.2f G rows/s", rows_per_s / 1e9);
    else if (rows_per_s >= 999.5e3)
        snprintf(buffer, 32, "%.1f M rows/s", rows_per_s / 1e6);
    else if (rows_per_s >= 9999.5)
        snprintf(buffer, 32, "%.0f k rows/s", rows_per_s / 1e3);
    else
        snprintf(buffer, 32, "%.0f rows/s", rows_per_s);
    return buffer;
}

const char *progress_text(const char *label, uint64_t done, uint64_t total, int64_t elapsed_ns,
                          size_t columns, char *buffer, size_t buffer_bytes)
{
    if (total > 0 && done > total)
        done = total;
    double elapsed_s = (double)elapsed_ns / 1e9;
    double rate = elapsed_s > 0 ? (double)done / elapsed_s : 0;
    char rate_buffer[32];
    if (total == 0) {
        snprintf(buffer, buffer_bytes, "%s  %s", label, rate_text(rate, rate_buffer));
    } else {
        double share = (double)done / (double)total;
        int used = snprintf(buffer, buffer_bytes, "%s  %3.0f %%  %s", label, 100 * share,
                            rate_text(rate, rate_buffer));
        /* The first moments say nothing about the time left. Whole seconds: more would only
         * flicker. */
        double left_s = rate > 0 ? (double)(total - done) / rate : -1;
        if (used > 0 && (size_t)used < buffer_bytes && left_s >= 0 && left_s < 1e9) {
            char left_buffer[32];
            int64_t left_ns = ((int64_t)left_s + 1) * NS_PER_S;
            snprintf(buffer + used, buffer_bytes - (size_t)used, "  %s left",
                     units_format_duration(left_ns, left_buffer, sizeof left_buffer));
        }
    }
    if (columns < buffer_bytes && strlen(buffer) > columns)
        buffer[columns] = '\0';
    return buffer;
}

static size_t terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
        return (size_t)size.ws_col - 1;
    return 79;
}

void progress_update(uint64_t done)
{
    if (counting.total != NULL) {
        atomic_fetch_add_explicit(counting.total, done - counting.done, memory_order_relaxed);
        counting.done = done;
        return;
    }
    if (meter.label == NULL || !meter.terminal)
        return;
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns - meter.shown_ns < PROGRESS_PERIOD_NS)
        return;
    char text[256];
    progress_text(meter.label, done, meter.total, now_ns - meter.started_ns, terminal_columns(),
                  text, sizeof text);
    fprintf(stderr, "\r%s\033[K", text);
    fflush(stderr);
    meter.shown_ns = now_ns;
    meter.on_screen = true;
}

void progress_hide(void)
{
    if (meter.label != NULL && meter.on_screen) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    meter.on_screen = false;
}

void progress_end(void)
{
    if (counting.total != NULL)
        return;
    progress_hide();
    meter.label = NULL;
}
