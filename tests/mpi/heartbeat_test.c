/* Heartbeats of ranks that all live. Lost ones: tests/fault/lost_ranks_test.py. */
#include "linnet/heartbeat/heartbeat.h"
#include "mpi/check.h"

static void test_phases(World *world) {
    static const struct {
        RunPhase phase;
        int64_t step;
        const char *text;
    } phases[] = {{RUN_START, 0, "node7, at the start"},
                  {RUN_LOAD, 0, "node7, while loading"},
                  {RUN_UPDATE, 12345678901, "node7, in update 12345678901"},
                  {RUN_EVALUATION, 3, "node7, in the evaluation"},
                  {RUN_SAVE, 3, "node7, while saving"},
                  {RUN_END, 0, "node7, at the end"}};
    char text[RUN_PLACE_TEXT];
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        world_phase(world, phases[i].phase, phases[i].step);
        run_place_text("node7", (RunPhase)world->phase, world->step, text);
        CHECK(strcmp(text, phases[i].text) == 0);
    }
}

/** Computing threads that make no call for longer than the limit, each for another time. The limit is more than a
 *  busy machine starves a thread for. */
static void test_busy(World *world) {
    int64_t ranks = 1;
    heartbeat_limit(world, 2.5);
    if (world->size > 1) usleep(3200000 + 200000 * (unsigned)world->rank);
    world_sum_integers(world, &ranks, 1);
    CHECK(ranks == world->size);
}

/** More messages than fit into a connection's buffer at once, while the others read them. */
static void test_many_phases(World *world) {
    int64_t ranks = 1;
    for (int i = 0; i < 20000; i++) world_phase(world, i % 2 == 0 ? RUN_SAVE : RUN_LOAD, i);
    world_sum_integers(world, &ranks, 1);
    CHECK(ranks == world->size);
}

int main(void) {
    World *world = check_start();
    CHECK((world->hooks.heartbeat != NULL) == (world->size > 1));
    for (int r = 0; r < world->size; r++) CHECK(strcmp(world->hosts[r], world->host) == 0);
    test_phases(world);
    test_busy(world);
    test_many_phases(world);
    heartbeat_limit(world, 0.0);
    return check_finish(world);
}
