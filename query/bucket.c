#include "bucket.h"

#include "clock_ns.h"

#include <stdio.h>
#include <time.h>

#define DAY_NS  (INT64_C(86400) * NS_PER_S)
#define WEEK_NS (7 * DAY_NS)

/* The Monday before the epoch, which was a Thursday. */
#define MONDAY_NS (-3 * DAY_NS)

static int64_t add_clamped(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return b < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

/* The last multiple of `every` from `anchor` on that is not after `at`. */
static int64_t align(int64_t at, int64_t every, int64_t anchor)
{
    int64_t rest = (at % every - anchor % every) % every;
    if (rest < 0)
        rest += every;
    return add_clamped(at, -rest);
}

/* What a clock on the wall shows, as if it were UTC. */
static int64_t wall_from_time(int64_t time_ns)
{
    time_t seconds = (time_t)(time_ns / NS_PER_S);
    struct tm local;
    if (time_ns % NS_PER_S < 0)
        seconds--;
    if (localtime_r(&seconds, &local) == NULL)
        return time_ns;
    return add_clamped(time_ns, local.tm_gmtoff * NS_PER_S);
}

/* The other way; of two times the earlier, and a time that is left out moves forward by the gap. */
static int64_t time_from_wall(int64_t wall_ns)
{
    char text[TIME_TEXT_BYTES];
    int64_t time_ns;
    time_format_iso(wall_ns, text);
    text[10] = ' ';
    text[29] = '\0'; /* without the Z it is local */
    if (!time_parse_absolute(text, TIME_ZONE_LOCAL, &time_ns))
        return wall_ns;
    return time_ns;
}

void bucket_find(struct bucket *bucket, int64_t time_ns)
{
    int64_t every = bucket->every_ns;
    int64_t anchor = every % WEEK_NS == 0 ? MONDAY_NS : 0;
    if (every < DAY_NS || bucket->zone == TIME_ZONE_UTC) {
        bucket->start_ns = align(time_ns, every, anchor);
        bucket->end_ns = add_clamped(bucket->start_ns, every);
        return;
    }
    int64_t wall = align(wall_from_time(time_ns), every, anchor);
    bucket->start_ns = time_from_wall(wall);
    bucket->end_ns = time_from_wall(add_clamped(wall, every));
    /* Around a change of the clock, a wall time can stand on the other side of the edge. */
    if (bucket->start_ns > time_ns) {
        bucket->end_ns = bucket->start_ns;
        bucket->start_ns = time_from_wall(add_clamped(wall, -every));
    } else if (bucket->end_ns <= time_ns) {
        bucket->start_ns = bucket->end_ns;
        bucket->end_ns = time_from_wall(add_clamped(add_clamped(wall, every), every));
    }
}
