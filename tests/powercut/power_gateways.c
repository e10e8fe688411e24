#include "power_gateways.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Arrival: behind every stamp. */
#define ARRIVAL_NS INT64_C(9000000000000000000)

static int learn_session(uint64_t session, uint64_t stored, void *context)
{
    struct gateways *gateways = context;
    if (session == 0 || session > MODEL_SESSIONS)
        return error_set(&gateways->error, -EPROTO, "session %" PRIu64 " was never there", session);
    gateways->stored[session - 1] = stored;
    return 0;
}

/* What may be forgotten of a session: it will not come again. */
static bool is_durable(uint64_t session, uint64_t sequence, void *context)
{
    const struct gateways *gateways = context;
    return session > 0 && session <= MODEL_SESSIONS &&
           sequence <= gateways->mark.sessions[session - 1];
}

const char *gateways_name(const struct gateways *gateways, size_t number)
{
    return gateways->model.series[number].names[gateways->mark.series[number].name];
}

static struct series *find(const struct gateways *gateways, const char *name)
{
    return store_find(gateways->store, name, strlen(name));
}

int gateways_rename(struct gateways *gateways, size_t number)
{
    unsigned other = !gateways->mark.series[number].name;
    int result = store_rename(gateways->store, gateways->series[number],
                              gateways->model.series[number].names[other],
                              &gateways->series[number], &gateways->error);
    if (result == 0)
        gateways->mark.series[number].name = other;
    return result;
}

/* Finds a series, by the name that a rename leaves it with. */
static int find_series(struct gateways *gateways, size_t number)
{
    bool is_moving = gateways->mark.series[number].is_moving;
    unsigned name = gateways->mark.series[number].name;
    struct series *here = find(gateways, gateways->model.series[number].names[name]);
    struct series *there = find(gateways, gateways->model.series[number].names[!name]);
    gateways->series[number] = here;
    gateways->mark.series[number].is_moving = false;
    if (there == NULL)
        return 0;
    if (!is_moving)
        return error_set(&gateways->error, -EPROTO, "%s has its other name",
                         gateways_name(gateways, number));
    if (here != NULL)
        return gateways_rename(gateways, number);
    gateways->series[number] = there;
    gateways->mark.series[number].name = !name;
    return 0;
}

int gateways_open(struct gateways *gateways, const char *path, uint64_t seed,
                  const struct power_mark *mark)
{
    memset(gateways, 0, sizeof *gateways);
    model_make(&gateways->model, seed);
    /* Everything fits: full disks are not what is tried here. */
    const struct store_limits limits = {.series_max = 1000,
                                        .journal_bytes = gateways->model.journal_bytes,
                                        .direct_bytes = gateways->model.direct_bytes};
    gateways->mark = *mark;
    int result = store_open(path, &limits, &gateways->store, &gateways->error);
    if (result < 0)
        return result;
    store_set_session_oracle(gateways->store, is_durable, gateways);
    result = store_for_each_session(gateways->store, learn_session, gateways);
    if (result < 0)
        return result;
    for (size_t i = 0; i < MODEL_SERIES; i++) {
        const struct model_series *series = &gateways->model.series[i];
        result = find_series(gateways, i);
        if (result < 0)
            return result;
        gateways->generation[i] = mark->series[i].generation;
        if (gateways->series[i] != NULL)
            series_set_rule(gateways->series[i], &series->rule, NULL);
        if (series->session != 0 && series->session != MODEL_SHARED)
            model_cursor_move(&gateways->model, series, &gateways->cursor[i],
                              gateways->stored[series->session - 1]);
        if (gateways->series[i] != NULL)
            gateways->durable[i] = series_count(gateways->series[i]);
    }
    return 0;
}

static int create(struct gateways *gateways, size_t number)
{
    const struct model_series *series = &gateways->model.series[number];
    const char *name = gateways_name(gateways, number);
    return store_create(gateways->store, name, strlen(name), &series->type, &series->rule,
                        INT64_C(1000000000), &gateways->series[number], &gateways->error);
}

/* Rows of a series, ready to be sent. */
struct rows {
    uint64_t first;
    struct series_block block;
    int64_t times_ns[MODEL_ROWS_MAX];
    unsigned char values[MODEL_ROWS_MAX * MODEL_SAMPLE_MAX];
};

static void fill(const struct gateways *gateways, size_t number, uint64_t first, uint64_t count,
                 struct rows *rows)
{
    const struct model_series *model = &gateways->model.series[number];
    model_rows(model, gateways->generation[number], first, count, rows->values, rows->times_ns);
    rows->first = first;
    rows->block = (struct series_block){
        .values = rows->values,
        .times_ns = rows->times_ns,
        .count = count,
        .clock = model->type.clock == SERIES_REGULAR ? BLOCK_REGULAR : BLOCK_EXPLICIT,
        .t0_ns = rows->times_ns[0],
        .period_ps = INT64_C(1000000000)};
}

/* The series may have the rows already if the batch was sent before. */
static int append(struct gateways *gateways, size_t number, const struct rows *rows,
                  uint64_t session, uint64_t sequence)
{
    const struct model_series *model = &gateways->model.series[number];
    struct series *series = gateways->series[number];
    uint64_t count = rows->block.count;
    uint64_t before = series_count(series);
    struct series_append_result appended;
    int result = series_append(series, &rows->block, session, sequence, ARRIVAL_NS, &appended);
    if (result < 0)
        return error_set_errno(&gateways->error, result, "append to %s %s",
                               gateways_name(gateways, number),
                               series_broken(series) ? series_broken(series) : "");
    /* Sent again after a crash. */
    if (appended.duplicate && (before >= rows->first + count || model->session == MODEL_SHARED))
        return 0;
    if (appended.duplicate || appended.appended != count || before != rows->first)
        return error_set(&gateways->error, -EPROTO,
                         "%s: sequence %" PRIu64 " of session %" PRIu64 " holds rows from %" PRIu64
                         ", the series has %" PRIu64 "; %" PRIu64 " of %" PRIu64
                         " were appended, %" PRIu64 " are late%s",
                         gateways_name(gateways, number), sequence, session, rows->first, before,
                         appended.appended, count, appended.late,
                         appended.duplicate ? "; it is called a duplicate" : "");
    return 0;
}

/* Whether the series takes the rows before the next flush. Rings that are to keep their rows in a
 * power cut never ask for more than their reserve. */
static bool takes(const struct gateways *gateways, size_t number, const struct rows *rows,
                  uint64_t session)
{
    struct series *series = gateways->series[number];
    if (series == NULL)
        return true;
    uint64_t undurable = series_count(series) + rows->block.count - gateways->durable[number];
    return undurable <= gateways->model.series[number].undurable_max &&
           series_takes(series, rows->block.count, rows->block.period_ps, session);
}

/* What the session's next batch holds for the series; false: nothing. */
static bool next_rows(const struct gateways *gateways, size_t number, uint64_t session,
                      struct rows *rows)
{
    const struct model_series *series = &gateways->model.series[number];
    bool is_shared = series->session == MODEL_SHARED && session > MODEL_OWN_SESSIONS;
    if (series->session != session && !is_shared)
        return false;
    uint64_t first = gateways->cursor[number].rows;
    if (is_shared)
        first = gateways->series[number] == NULL ? 0 : series_count(gateways->series[number]);
    uint64_t count = model_next_rows(&gateways->model, series, &gateways->cursor[number]);
    if (count > 0)
        fill(gateways, number, first, count, rows);
    return count > 0;
}

int gateways_send(struct gateways *gateways, uint64_t session)
{
    static struct rows rows;
    const struct model *model = &gateways->model;
    uint64_t sequence = gateways->stored[session - 1] + 1;
    for (size_t i = 0; i < MODEL_SERIES; i++)
        if (next_rows(gateways, i, session, &rows) && !takes(gateways, i, &rows, session))
            return -EAGAIN;
    for (size_t i = 0; i < MODEL_SERIES; i++) {
        if (!next_rows(gateways, i, session, &rows))
            continue;
        int result = gateways->series[i] == NULL ? create(gateways, i) : 0;
        if (result == 0)
            result = append(gateways, i, &rows, session, sequence);
        if (result < 0)
            return result;
    }
    for (size_t i = 0; i < MODEL_SERIES; i++)
        if (model->series[i].session == session)
            model_cursor_move(model, &model->series[i], &gateways->cursor[i], sequence);
    gateways->stored[session - 1] = sequence;
    return 0;
}

int gateways_append_free(struct gateways *gateways, size_t number, uint64_t count)
{
    static struct rows rows;
    struct series *series = gateways->series[number];
    uint64_t first = series == NULL ? 0 : series_count(series);
    fill(gateways, number, first, model_block_rows(&gateways->model.series[number], first, count),
         &rows);
    if (!takes(gateways, number, &rows, 0))
        return -EAGAIN;
    int result = series == NULL ? create(gateways, number) : 0;
    return result < 0 ? result : append(gateways, number, &rows, 0, 0);
}

int gateways_delete(struct gateways *gateways, size_t number)
{
    struct series *series = gateways->series[number];
    int result = store_delete(gateways->store, &series, 1, NULL, NULL, &gateways->error);
    gateways->series[number] = NULL;
    gateways->durable[number] = 0;
    return result;
}

bool gateways_are_whole(const struct gateways *gateways)
{
    uint64_t shared = 0;
    for (size_t i = MODEL_OWN_SESSIONS; i < MODEL_SESSIONS; i++)
        shared += gateways->stored[i];
    for (size_t i = 0; i < MODEL_SERIES; i++) {
        const struct model_series *series = &gateways->model.series[i];
        uint64_t count = gateways->series[i] == NULL ? 0 : series_count(gateways->series[i]);
        if (series->session == MODEL_SHARED
                ? count != shared
                : series->session != 0 && count != gateways->cursor[i].rows)
            return false;
    }
    return true;
}

void gateways_promise(const struct gateways *gateways, struct power_mark *ret_mark)
{
    *ret_mark = gateways->mark;
    ret_mark->is_whole = gateways_are_whole(gateways);
    memcpy(ret_mark->sessions, gateways->stored, sizeof ret_mark->sessions);
    for (size_t i = 0; i < MODEL_SERIES; i++) {
        const struct series *series = gateways->series[i];
        ret_mark->series[i].generation = gateways->generation[i];
        ret_mark->series[i].is_promised = series != NULL;
        ret_mark->series[i].durable = series == NULL ? 0 : series_count(series);
    }
}

size_t gateways_sessions(const struct gateways *gateways,
                         struct store_session ret_sessions[MODEL_SESSIONS])
{
    size_t count = 0;
    for (size_t i = 0; i < MODEL_SESSIONS; i++)
        if (gateways->stored[i] > 0)
            ret_sessions[count++] =
                (struct store_session){.session = i + 1, .stored = gateways->stored[i]};
    return count;
}
