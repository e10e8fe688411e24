#include "error_text.h"
#include "series_name.h"
#include "series_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add_name(struct series_selection *selection, const char *name)
{
    char **names = reallocarray(selection->names, selection->count + 1, sizeof *names);
    if (names == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    selection->names = names;
    names[selection->count] = strdup(name);
    if (names[selection->count] == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    selection->count++;
    return 0;
}

/* All that a glob matches (NULL: everything). */
static int add_glob(const struct query_options *options, const char *glob, bool may_be_empty,
                    struct series_selection *selection)
{
    struct error_text error = {""};
    char **names = NULL;
    size_t count = 0;
    const char *fault = glob != NULL ? series_glob_fault(glob) : NULL;
    if (fault != NULL)
        return query_error(EX_NOINPUT, "\"%s\" can match no series: %s", glob, fault);
    int listed = reader_list(options->store, glob, &names, &count, &error);
    if (listed < 0)
        return query_error(query_exit_code(listed), "%s", error.text);
    int code = 0;
    if (count == 0 && glob != NULL && !may_be_empty)
        code = query_error(EX_NOINPUT, "no series matches \"%s\" in %s", glob, options->store);
    for (size_t i = 0; i < count && code == 0; i++)
        code = add_name(selection, names[i]);
    reader_names_free(names, count);
    return code;
}

struct ranked_name {
    char *name;
    size_t rank; /* where it stood */
};

static int compare_names(const void *a, const void *b)
{
    const struct ranked_name *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    if (order != 0)
        return order;
    return left->rank < right->rank ? -1 : 1;
}

static int compare_ranks(const void *a, const void *b)
{
    const struct ranked_name *left = a, *right = b;
    return left->rank < right->rank ? -1 : left->rank > right->rank ? 1 : 0;
}

/* Keeps the first of equal names, and the order. */
static int drop_repetitions(struct series_selection *selection)
{
    struct ranked_name *ranked = calloc(selection->count + 1, sizeof *ranked);
    if (ranked == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    size_t kept = 0;
    for (size_t i = 0; i < selection->count; i++)
        ranked[i] = (struct ranked_name){selection->names[i], i};
    qsort(ranked, selection->count, sizeof *ranked, compare_names);
    for (size_t i = 0; i < selection->count; i++) {
        if (kept > 0 && strcmp(ranked[kept - 1].name, ranked[i].name) == 0)
            free(ranked[i].name);
        else
            ranked[kept++] = ranked[i];
    }
    qsort(ranked, kept, sizeof *ranked, compare_ranks);
    for (size_t i = 0; i < kept; i++)
        selection->names[i] = ranked[i].name;
    selection->count = kept;
    free(ranked);
    return 0;
}

static int select_names(const struct query_options *options, bool may_be_empty,
                        struct series_selection *ret_selection)
{
    struct series_selection selection = {0};
    struct error_text error = {""};
    int code = 0;
    if (options->array.file != NULL) {
        code = add_name(&selection, options->array.file);
        if (code == 0)
            *ret_selection = selection;
        return code;
    }
    int ready = reader_store_ready(options->store, &error);
    /* Other errors are met again, and told by whoever meets them. */
    if (ready == -EAGAIN)
        return query_error(EX_TEMPFAIL, "%s", error.text);
    if (options->names_count == 0)
        code = add_glob(options, NULL, true, &selection);
    for (size_t i = 0; i < options->names_count && code == 0; i++) {
        if (series_glob_is_pattern(options->names[i])) {
            code = add_glob(options, options->names[i], may_be_empty, &selection);
        } else {
            code = add_name(&selection, options->names[i]);
            selection.has_named = true;
        }
    }
    if (code == 0 && options->names_count > 1)
        code = drop_repetitions(&selection);
    if (code != 0) {
        series_selection_free(&selection);
        return code;
    }
    selection.several = selection.count > 1;
    *ret_selection = selection;
    return 0;
}

int series_select(const struct query_options *options, struct series_selection *ret_selection)
{
    return select_names(options, false, ret_selection);
}

int series_select_any(const struct query_options *options, struct series_selection *ret_selection)
{
    return select_names(options, true, ret_selection);
}

int series_selection_failed(struct series_selection *selection, int code)
{
    if (!selection->several || (code == EX_NOINPUT && selection->has_named))
        return code;
    if (selection->code == 0)
        selection->code = code;
    return 0;
}

void series_selection_drop(struct series_selection *selection, size_t i)
{
    free(selection->names[i]);
    selection->count--;
    memmove(&selection->names[i], &selection->names[i + 1],
            (selection->count - i) * sizeof *selection->names);
}

void series_selection_free(struct series_selection *selection)
{
    for (size_t i = 0; i < selection->count; i++)
        free(selection->names[i]);
    free(selection->names);
    *selection = (struct series_selection){0};
}
