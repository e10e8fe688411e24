#include "line_series.h"

#include "little_endian.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SLOTS_MIN 64

/* Clearing this many slots costs about as much as looking for one series. */
#define SLOTS_PER_WALK 32

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012, with one and three rounds. */
uint64_t line_series_hash(const uint64_t key[2], const char *bytes, size_t length)
{
    uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                     key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t last = (uint64_t)length << 56;
    for (; length >= 8; bytes += 8, length -= 8) {
        uint64_t word = le_load_u64(bytes);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < length; i++)
        last |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

int line_series_table_init(struct line_series_table *table)
{
    memset(table, 0, sizeof *table);
    ssize_t length;
    do
        length = getrandom(table->key, sizeof table->key, 0);
    while (length < 0 && errno == EINTR);
    if (length != (ssize_t)sizeof table->key)
        return -EIO;
    return 0;
}

void line_series_table_free(struct line_series_table *table)
{
    free(table->series);
    free(table->names);
    free(table->slots);
}

static uint64_t hash_of(const struct line_series_table *table, size_t number)
{
    const struct line_series *series = &table->series[number];
    return line_series_hash(table->key, table->names + series->name_offset, series->name_bytes);
}

/* The slot that holds `number`, or with SIZE_MAX the first free one. */
static size_t slot_walk(const struct line_series_table *table, uint64_t hash, size_t number)
{
    size_t mask = table->slot_count - 1;
    size_t slot = (size_t)hash & mask;
    while (table->slots[slot] != (uint32_t)(number + 1))
        slot = (slot + 1) & mask;
    return slot;
}

void line_series_table_cut(struct line_series_table *table, size_t count)
{
    if (count == 0 && table->count > table->slot_count / SLOTS_PER_WALK) {
        memset(table->slots, 0, table->slot_count * sizeof *table->slots);
        table->count = 0;
    }
    /* Last in, first out: no later series was put behind the slot that becomes free. */
    while (table->count > count) {
        size_t number = --table->count;
        table->slots[slot_walk(table, hash_of(table, number), number)] = 0;
    }
    table->names_bytes =
        count == 0 ? 0 : table->series[count - 1].name_offset + table->series[count - 1].name_bytes;
}

/* At most half of the slots are taken, so that walks stay short. */
static int slots_reserve(struct line_series_table *table)
{
    if (2 * (table->count + 1) <= table->slot_count)
        return 0;
    size_t slot_count = table->slot_count > 0 ? 2 * table->slot_count : SLOTS_MIN;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;
    free(table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
    for (size_t number = 0; number < table->count; number++)
        slots[slot_walk(table, hash_of(table, number), SIZE_MAX)] = (uint32_t)(number + 1);
    return 0;
}

static int memory_reserve(struct line_series_table *table, size_t name_bytes)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity > 0 ? 2 * table->capacity : 64;
        struct line_series *series = realloc(table->series, capacity * sizeof *series);
        if (series == NULL)
            return -ENOMEM;
        table->series = series;
        table->capacity = capacity;
    }
    if (table->names_capacity - table->names_bytes < name_bytes) {
        size_t capacity = 2 * table->names_capacity + name_bytes + 4096;
        char *names = realloc(table->names, capacity);
        if (names == NULL)
            return -ENOMEM;
        table->names = names;
        table->names_capacity = capacity;
    }
    return slots_reserve(table);
}

int line_series_table_find(struct line_series_table *table, const char *name, size_t name_bytes,
                           enum dtype dtype, size_t series_max, uint32_t *ret_number)
{
    int result = memory_reserve(table, name_bytes);
    if (result < 0)
        return result;

    size_t mask = table->slot_count - 1;
    size_t slot = (size_t)line_series_hash(table->key, name, name_bytes) & mask;
    for (; table->slots[slot] != 0; slot = (slot + 1) & mask) {
        const struct line_series *series = &table->series[table->slots[slot] - 1];
        if (series->name_bytes == name_bytes &&
            memcmp(table->names + series->name_offset, name, name_bytes) == 0) {
            *ret_number = table->slots[slot] - 1;
            return 0;
        }
    }
    if (table->count >= series_max)
        return -E2BIG;
    memcpy(table->names + table->names_bytes, name, name_bytes);
    table->series[table->count] = (struct line_series){
        .name_offset = table->names_bytes, .name_bytes = (uint16_t)name_bytes, .dtype = dtype};
    table->names_bytes += name_bytes;
    *ret_number = (uint32_t)table->count;
    table->slots[slot] = (uint32_t)++table->count;
    return 0;
}
