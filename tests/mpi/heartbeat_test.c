/* The watch over ranks that all live. What it does about others: tests/fault/lost_ranks_test.py. */
#include "mpi/check.h"

static void test_phases(const World *world) {
    static const struct {
        RunPhase phase;
        int64_t step;
        const char *text;
    } phases[] = {{RUN_START, 0, "at the start"},
                  {RUN_LOAD, 0, "while loading"},
                  {RUN_UPDATE, 12345678901, "in update 12345678901"},
                  {RUN_EVALUATION, 3, "in the evaluation"},
                  {RUN_SAVE, 3, "while saving"},
                  {RUN_END, 0, "at the end"}};
    char text[HEARTBEAT_PHASE_TEXT];
    for (size_t i = 0; world->heartbeat != NULL && i < sizeof phases / sizeof *phases; i++) {
        heartbeat_phase(world->heartbeat, phases[i].phase, phases[i].step);
        heartbeat_phase_text(world->heartbeat, text);
        CHECK(strcmp(text, phases[i].text) == 0);
    }
}

/** Computing threads that do nothing for longer than the limit, and not all the same long. The limit is more than a
 *  busy machine starves a thread for. */
static void test_busy(const World *world) {
    int64_t ranks = 1;
    heartbeat_limit(world->heartbeat, 2.5);
    if (world->size > 1) usleep(3200000 + 200000 * (unsigned)world->rank);
    world_sum_integers(world, &ranks, 1);
    CHECK(ranks == world->size);
}

/** More words than fit into a connection's buffer at once, while the others read them. */
static void test_many_phases(const World *world) {
    int64_t ranks = 1;
    for (int i = 0; i < 20000; i++) heartbeat_phase(world->heartbeat, i % 2 == 0 ? RUN_SAVE : RUN_LOAD, i);
    world_sum_integers(world, &ranks, 1);
    CHECK(ranks == world->size);
}

int main(void) {
    World *world = check_start();
    CHECK((world->heartbeat != NULL) == (world->size > 1));
    for (int r = 0; r < world->size; r++) CHECK(strcmp(world->hosts[r], world->host) == 0);
    test_phases(world);
    test_busy(world);
    test_many_phases(world);
    heartbeat_limit(world->heartbeat, 0.0);
    heartbeat_phase(NULL, RUN_LOAD, 0);
    return check_finish(world);
}
