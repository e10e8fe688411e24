/* Any words as those of head.npy: a sentence, or numbers that fit together and come back as they
 * were. */
#include "series_head.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t words[HEAD_WORDS] = {0};
    int64_t back[HEAD_WORDS];
    struct series_head head;
    struct series_head again;
    if (size > 0)
        memcpy(words, data, size < sizeof words ? size : sizeof words);
    if (series_head_decode(words, &head) != NULL)
        return 0;
    if (head.frontier < head.count || head.sample_bytes != series_type_sample_bytes(&head.type) ||
        head.sample_bytes == 0 || (head.capacity == 0 && head.count > head.rows))
        abort();
    series_head_encode(&head, back);
    if (series_head_decode(back, &again) != NULL || again.count != head.count ||
        again.id != head.id || !series_type_equal(&again.type, &head.type))
        abort();
    return 0;
}
