/* The text of --slice. */
#include "array_view.h"

#include "units.h"

#include <string.h>

/* A number, or nothing; false for anything else. */
static bool take_number(const char *text, size_t length, bool *ret_has, int64_t *ret_value)
{
    char number[24];
    *ret_has = length > 0;
    if (length == 0)
        return true;
    if (length >= sizeof number)
        return false;
    memcpy(number, text, length);
    number[length] = '\0';
    return units_parse_i64(number, ret_value);
}

static bool parse_slice(const char *text, size_t length, struct array_slice *ret_slice)
{
    struct array_slice slice = {.kind = SLICE_RANGE, .step = 1};
    bool *const has[] = {&slice.has_start, &slice.has_stop, &(bool){false}};
    int64_t *const values[] = {&slice.start, &slice.stop, &slice.step};
    size_t part = 0, begin = 0;
    if (length == 3 && memcmp(text, "...", 3) == 0) {
        *ret_slice = (struct array_slice){.kind = SLICE_REST};
        return true;
    }
    for (size_t i = 0; i <= length; i++) {
        if (i < length && text[i] != ':')
            continue;
        if (part == 3 || !take_number(text + begin, i - begin, has[part], values[part]))
            return false;
        begin = i + 1;
        part++;
    }
    if (part == 1) {
        slice.kind = SLICE_INDEX;
        if (!slice.has_start)
            return false;
    }
    *ret_slice = slice;
    return slice.step != 0;
}

bool array_slices_parse(const char *text, struct array_slice ret_slices[ARRAY_SLICES_MAX],
                        size_t *ret_count)
{
    bool has_rest = false;
    size_t count = 0;
    for (;; text++) {
        size_t length = strcspn(text, ",");
        if (count == ARRAY_SLICES_MAX || !parse_slice(text, length, &ret_slices[count]))
            return false;
        if (ret_slices[count].kind == SLICE_REST && has_rest)
            return false;
        has_rest = has_rest || ret_slices[count].kind == SLICE_REST;
        count++;
        text += length;
        if (*text == '\0')
            break;
    }
    *ret_count = count;
    return true;
}
