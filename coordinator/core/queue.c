#include "coordinator/core/queue.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

void load_add(struct load *load, const struct test *test)
{
    if (test->estimate_us < 0)
        load->unknown++;
    else
        load->known_us += test->estimate_us;
}

void load_remove(struct load *load, const struct test *test)
{
    if (test->estimate_us < 0)
        load->unknown--;
    else
        load->known_us -= test->estimate_us;
    CHECK(load->unknown >= 0 && load->known_us >= 0);
}

int64_t load_us(const struct load *load, int64_t mean_us)
{
    return load->known_us + load->unknown * mean_us;
}

/* ---- building ----------------------------------------------------------------- */

/* Tests without a group stand alone. */
static bool belongs(const struct cluster *cluster, const struct test *test)
{
    return test->group[0] != '\0' && cluster->phase == test->phase &&
           strcmp(cluster->group, test->group) == 0;
}

static int cluster_compare(const struct cluster *a, const struct cluster *b)
{
    int groups = strcmp(a->group, b->group);

    if (groups != 0)
        return groups;
    return (a->phase > b->phase) - (a->phase < b->phase);
}

static int by_group_compare(const void *a, const void *b, void *context)
{
    const struct queue *queue = context;
    const size_t *left = a;
    const size_t *right = b;

    return cluster_compare(&queue->clusters[*left], &queue->clusters[*right]);
}

static void index_groups(struct queue *queue)
{
    queue->by_group = mem_alloc(queue->clusters_count * sizeof(*queue->by_group));
    for (size_t i = 0; i < queue->clusters_count; i++)
        queue->by_group[i] = i;
    qsort_r(queue->by_group, queue->clusters_count, sizeof(*queue->by_group), by_group_compare,
            queue);
}

void queue_init(struct queue *queue, struct test *tests, const int64_t *order, size_t count,
                bool rises)
{
    *queue = (struct queue){.places_count = count, .rises = rises};
    queue->order = mem_alloc(count * sizeof(*queue->order));
    for (size_t place = 0; place < count; place++) {
        struct test *test = &tests[order[place] - 1];
        const struct cluster *last =
            queue->clusters_count > 0 ? &queue->clusters[queue->clusters_count - 1] : NULL;

        queue->order[place] = order[place];
        CHECK(queue->clusters != NULL || queue->clusters_cap == queue->clusters_count);
        if (last == NULL || !belongs(last, test)) {
            VEC_PUSH(queue->clusters, queue->clusters_count, queue->clusters_cap) =
                (struct cluster){.first = place, .group = test->group, .phase = test->phase};
        }
        queue->clusters[queue->clusters_count - 1].end = place + 1;
        test->place = (uint32_t)place;
        test->cluster = (uint32_t)(queue->clusters_count - 1);
    }
    for (size_t i = 0; i < LANE_COUNT; i++)
        places_init(&queue->lanes[i], count);
    if (rises)
        index_groups(queue);
}

void queue_release(struct queue *queue)
{
    for (size_t i = 0; i < LANE_COUNT; i++)
        places_release(&queue->lanes[i]);
    free(queue->order);
    free(queue->clusters);
    free(queue->by_group);
    *queue = (struct queue){0};
}

/* ---- who waits ---------------------------------------------------------------- */

enum lane queue_lane_of(const struct test *test)
{
    if (test->was_lost)
        return LANE_FRONT;
    return test->was_counted ? LANE_RETRY : LANE_REST;
}

void queue_add(struct queue *queue, struct test *test)
{
    test->lane = (uint8_t)queue_lane_of(test);
    places_add(&queue->lanes[test->lane], test->place);
    load_add(&queue->load, test);
    if (test->lane == LANE_REST)
        load_add(&queue->clusters[test->cluster].load, test);
}

void queue_remove(struct queue *queue, struct test *test)
{
    places_remove(&queue->lanes[test->lane], test->place);
    load_remove(&queue->load, test);
    if (test->lane == LANE_REST)
        load_remove(&queue->clusters[test->cluster].load, test);
}

size_t queue_count(const struct queue *queue)
{
    size_t count = 0;

    for (size_t i = 0; i < LANE_COUNT; i++)
        count += queue->lanes[i].count;
    return count;
}

/* ---- choosing ----------------------------------------------------------------- */

/* A batch under construction. */
struct choice {
    const struct queue *queue;
    const struct test *tests;
    const struct wish *wish;
    int64_t *numbers;
    size_t count, max;
    int64_t phase; /* of all of them */
    int64_t us;
};

static const struct test *test_at(const struct queue *queue, const struct test *tests, size_t place)
{
    return &tests[queue->order[place] - 1];
}

static bool is_enough(const struct choice *choice)
{
    return choice->count == choice->max ||
           (choice->count > 0 && choice->us >= choice->wish->budget_us);
}

static void choose(struct choice *choice, size_t place)
{
    const struct test *test = test_at(choice->queue, choice->tests, place);

    choice->numbers[choice->count++] = choice->queue->order[place];
    choice->phase = test->phase;
    choice->us += test->estimate_us < 0 ? choice->wish->mean_us : test->estimate_us;
}

static bool was_here_last(const struct test *test, const char *agent)
{
    const char *where = "";

    for (const struct attempt *it = test->attempts; it != NULL; it = it->next)
        if (it->use == ATTEMPT_COUNTED)
            where = it->agent;
    return strcmp(where, agent) == 0;
}

/* Looks at no more than RETRY_SCAN_MAX; answers the first that suits, or PLACE_NONE. */
static size_t next_retry(const struct queue *queue, const struct test *tests, const char *agent,
                         bool retries_itself, size_t from, int *scanned)
{
    const struct places *retries = &queue->lanes[LANE_RETRY];
    size_t place = places_next(retries, from);

    while (place != PLACE_NONE && (*scanned)++ < RETRY_SCAN_MAX) {
        if (retries_itself || !was_here_last(test_at(queue, tests, place), agent))
            return place;
        place = places_next(retries, place + 1);
    }
    return PLACE_NONE;
}

static void choose_retries(struct choice *choice)
{
    const struct wish *wish = choice->wish;
    int scanned = 0;
    size_t from = 0;

    while (!is_enough(choice)) {
        size_t place = next_retry(choice->queue, choice->tests, wish->agent, wish->retries_itself,
                                  from, &scanned);

        if (place == PLACE_NONE)
            break;
        if (choice->count == 0 ||
            test_at(choice->queue, choice->tests, place)->phase == choice->phase)
            choose(choice, place);
        from = place + 1;
    }
}

/* The waiting part of a cluster: whole while it is shorter than a fair share. */
static void choose_cluster(struct choice *choice, const struct cluster *cluster, size_t place)
{
    bool is_whole = load_us(&cluster->load, choice->wish->mean_us) < choice->wish->share_us;

    while (place != PLACE_NONE && place < cluster->end && choice->count < choice->max) {
        if (!is_whole && is_enough(choice))
            break;
        choose(choice, place);
        place = places_next(&choice->queue->lanes[LANE_REST], place + 1);
    }
}

/* The cluster of (group, phase), or NULL. */
static const struct cluster *find_cluster(const struct queue *queue, const char *group,
                                          int64_t phase)
{
    struct cluster wanted = {.group = group, .phase = phase};
    size_t low = 0;
    size_t high = queue->clusters_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct cluster *here = &queue->clusters[queue->by_group[middle]];
        int order = cluster_compare(here, &wanted);

        if (order == 0)
            return here;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* What waits of the group that the slot has warm. */
static size_t warm_place(const struct queue *queue, const struct wish *wish)
{
    if (!queue->rises || wish->group[0] == '\0')
        return PLACE_NONE;
    const struct cluster *cluster = find_cluster(queue, wish->group, wish->phase);

    if (cluster == NULL)
        return PLACE_NONE;
    size_t place = places_next(&queue->lanes[LANE_REST], cluster->first);
    return place < cluster->end ? place : PLACE_NONE;
}

/* The first place whose phase needs no new clone. */
static size_t first_of_phase(const struct queue *queue, int64_t phase)
{
    size_t low = 0;
    size_t high = queue->clusters_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (queue->clusters[middle].phase < phase)
            low = middle + 1;
        else
            high = middle;
    }
    return low < queue->clusters_count ? queue->clusters[low].first : queue->places_count;
}

static size_t first_place(const struct queue *queue, const struct wish *wish)
{
    const struct places *rest = &queue->lanes[LANE_REST];
    size_t place = warm_place(queue, wish);

    if (place == PLACE_NONE && queue->rises)
        place = places_next(rest, first_of_phase(queue, wish->phase));
    return place != PLACE_NONE ? place : places_next(rest, 0);
}

static void choose_rest(struct choice *choice)
{
    const struct queue *queue = choice->queue;
    size_t place = first_place(queue, choice->wish);

    while (place != PLACE_NONE && !is_enough(choice)) {
        const struct cluster *cluster =
            &queue->clusters[test_at(queue, choice->tests, place)->cluster];

        if (choice->count > 0 && cluster->phase != choice->phase)
            break;
        choose_cluster(choice, cluster, place);
        place = places_next(&queue->lanes[LANE_REST], cluster->end);
    }
}

size_t queue_choose(const struct queue *queue, const struct test *tests, const struct wish *wish,
                    int64_t *out_tests, size_t max)
{
    struct choice choice = {
        .queue = queue, .tests = tests, .wish = wish, .numbers = out_tests, .max = max};
    size_t front = places_next(&queue->lanes[LANE_FRONT], 0);

    if (front != PLACE_NONE) {
        choose(&choice, front);
        return choice.count;
    }
    choose_retries(&choice);
    if (choice.count == 0)
        choose_rest(&choice);
    return choice.count;
}

bool queue_offers(const struct queue *queue, const struct test *tests, const char *agent,
                  bool retries_itself)
{
    int scanned = 0;

    if (queue->lanes[LANE_FRONT].count > 0 || queue->lanes[LANE_REST].count > 0)
        return true;
    return next_retry(queue, tests, agent, retries_itself, 0, &scanned) != PLACE_NONE;
}
