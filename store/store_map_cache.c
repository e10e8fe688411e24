/* Which series are mapped. The kernel limits a process to so many mappings, and
 * a store may have more series: those that were not written lately are
 * unmapped. A hand goes round; whoever was written since it last came by is
 * passed over once. */
#include "store_internal.h"

#include "file_system.h"
#include "units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAPS_FOR_REST  4096  /* the program, its libraries and its heap */
#define MAPS_FALLBACK  65530 /* the kernel's default */
#define MAP_LIMIT_FILE "/proc/sys/vm/max_map_count"
#define MAP_LIMIT_MIN  16

size_t store_map_limit(void)
{
    char text[32];
    uint64_t maps = MAPS_FALLBACK;
    if (fs_read_text_at(FS_HERE, MAP_LIMIT_FILE, text, sizeof text) == 0) {
        text[strcspn(text, "\n")] = '\0';
        if (!units_parse_u64(text, INT32_MAX, &maps))
            maps = MAPS_FALLBACK;
    }
    uint64_t limit = maps > MAPS_FOR_REST ? (maps - MAPS_FOR_REST) / MAPS_A_SERIES : 0;
    return limit < MAP_LIMIT_MIN ? MAP_LIMIT_MIN : (size_t)limit;
}

void store_map_make_room(struct store *store, size_t maps, const struct series *spared)
{
    size_t most = store->mapped_max * MAPS_A_SERIES;
    while (store->mapped_count > (spared != NULL) &&
           store->mapped_count * MAPS_A_SERIES + store->summary_maps + maps > most) {
        if (store->mapped_hand >= store->mapped_count)
            store->mapped_hand = 0;
        struct series *series = store->mapped[store->mapped_hand];
        assert(series != NULL);
        if (series == spared || series->is_recent) {
            series->is_recent = series->is_recent && series == spared;
            store->mapped_hand++;
            continue;
        }
        /* The last one takes its place, so the hand stays. */
        series_unmap(series);
    }
}

int store_map_add(struct store *store, struct series *series)
{
    if (store->mapped_count == store->mapped_capacity) {
        size_t capacity = store->mapped_capacity > 0 ? store->mapped_capacity * 2 : 1024;
        struct series **mapped = realloc(store->mapped, capacity * sizeof(struct series *));
        if (mapped == NULL)
            return -ENOMEM;
        store->mapped = mapped;
        store->mapped_capacity = capacity;
    }
    series->map_slot = store->mapped_count;
    store->mapped[store->mapped_count++] = series;
    return 0;
}

void store_map_remove(struct store *store, struct series *series)
{
    struct series *last = store->mapped[--store->mapped_count];
    store->mapped[series->map_slot] = last;
    last->map_slot = series->map_slot;
}
