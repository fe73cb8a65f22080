/* Rows of a sparse embedding that an update touches, and the all-gather of their owners' values. */
#include "linnet/optim/sparse_embedding.h"
#include "mpi/check.h"

enum { ROWS = 23, WIDTH = 3, CAPACITY = 12, UPDATES = 6, IDS_MAX = 8 };

/** The rows that a rank touches in an update, repeats among them; in update 2 rank 0 has none, in update 4 nobody. */
static size_t ids_of(int update, int rank, int32_t *ids) {
    if ((update == 2 && rank == 0) || update == 4) return 0;
    size_t count = (size_t)(3 + update % 2);
    for (size_t i = 0; i < count; i++) ids[i] = (int32_t)((update * 5 + rank * 3 + (int)i * 7) % 20);
    ids[count] = ids[0];
    ids[count + 1] = (int32_t)(update % 20); /* all ranks have this one */
    return count + 2;
}

/** Mark the rows of all ranks in an update. */
static void mark(const World *world, int update, bool *marks) {
    for (int r = 0; r < world->size; r++) {
        int32_t ids[IDS_MAX];
        size_t count = ids_of(update, r, ids);
        for (size_t i = 0; i < count; i++) marks[ids[i]] = true;
    }
}

/** The list must hold the marked rows by owner, then id, and everything that goes with it. */
static void check_rows(const SparseEmbedding *embedding, const bool *now, const bool *ever) {
    size_t at = 0, owned = 0;
    for (int owner = 0; owner < embedding->world->size; owner++) {
        CHECK(embedding->cuts[owner] == at);
        for (int32_t id = owner; id < ROWS; id += embedding->world->size) {
            if (!now[id]) continue;
            CHECK(embedding->ids[at] == id);
            CHECK(embedding->row_index[id] == (int32_t)at);
            at++;
        }
    }
    CHECK(embedding->count == at && embedding->cuts[embedding->world->size] == at);
    for (int32_t id = 0; id < ROWS; id++) {
        CHECK(embedding->touched[id] == ever[id]);
        if (!now[id]) CHECK(embedding->row_index[id] == -1);
        owned += ever[id] && id % embedding->world->size == embedding->world->rank;
    }
    CHECK(embedding->owned_count == owned);
    for (size_t i = 0; i < embedding->owned_count; i++) {
        int32_t id = embedding->owned[i];
        CHECK(id % embedding->world->size == embedding->world->rank && ever[id]);
        for (size_t k = 0; k < i; k++) CHECK(embedding->owned[k] != id);
    }
}

static float value_of(int update, int32_t id, size_t k) {
    return any_float((uint64_t)update, (uint64_t)id, k);
}

/** Owners write all their rows ever touched; the others have them afterwards, and rows never touched stay as they
 *  are. */
static void check_all_gather(SparseEmbedding *embedding, float *values, const bool *ever, int update) {
    for (size_t i = 0; i < embedding->owned_count; i++)
        for (size_t k = 0; k < WIDTH; k++)
            values[(size_t)embedding->owned[i] * WIDTH + k] = value_of(update, embedding->owned[i], k);
    sparse_embedding_all_gather(embedding, values);
    for (int32_t id = 0; id < ROWS; id++)
        for (size_t k = 0; k < WIDTH; k++) {
            float expected = ever[id] ? value_of(update, id, k) : 1000.0F * (float)(1 + embedding->world->rank);
            CHECK(values[(size_t)id * WIDTH + k] == expected);
        }
}

static void test_updates(const World *world, bool restored) {
    SparseEmbedding embedding;
    Error error = {0};
    bool ever[ROWS] = {false};
    float values[ROWS * WIDTH];
    for (size_t i = 0; i < ROWS * WIDTH; i++) values[i] = 1000.0F * (float)(1 + world->rank);
    sparse_embedding_create(&embedding, world, ROWS, WIDTH, CAPACITY * (size_t)world->size, &error);
    FINE(world, &error);
    if (restored) {
        const int32_t before[] = {22, 1, 7, 1};
        sparse_embedding_restore(&embedding, before, 4);
        ever[22] = ever[1] = ever[7] = true;
    }
    int32_t first[IDS_MAX];
    sparse_embedding_list(&embedding, first, ids_of(0, world->rank, first));
    for (int update = 0; update < UPDATES; update++) {
        bool now[ROWS] = {false};
        mark(world, update, now);
        mark(world, update, ever);
        sparse_embedding_begin(&embedding);
        check_rows(&embedding, now, ever);
        /* The next update's rows change nothing that this one's all-gather needs. */
        int32_t next[IDS_MAX];
        sparse_embedding_list(&embedding, next, ids_of(update + 1, world->rank, next));
        check_rows(&embedding, now, ever);
        check_all_gather(&embedding, values, ever, update);
    }
    sparse_embedding_destroy(&embedding);
}

/** Moments of a rank's rows must lie side by side without overlap. */
static void test_moments(const World *world) {
    SparseEmbedding embedding;
    Error error = {0};
    sparse_embedding_create(&embedding, world, ROWS, WIDTH, CAPACITY, &error);
    FINE(world, &error);
    bool taken[ROWS * WIDTH] = {false};
    size_t share = (ROWS + (size_t)world->size - 1) / (size_t)world->size;
    for (int32_t id = world->rank; id < ROWS; id += world->size) {
        size_t at = sparse_embedding_moment(&embedding, id);
        CHECK(at + WIDTH <= share * WIDTH);
        CHECK(!taken[at]);
        for (size_t k = 0; k < WIDTH; k++) {
            CHECK(!taken[at + k]);
            taken[at + k] = true;
        }
    }
    sparse_embedding_destroy(&embedding);
}

/** An update never touches more rows than the embedding has. */
static void test_capacity(const World *world) {
    SparseEmbedding embedding;
    Error error = {0};
    int32_t ids[2 * ROWS];
    for (int32_t i = 0; i < 2 * ROWS; i++) ids[i] = (i * 5) % ROWS;
    sparse_embedding_create(&embedding, world, ROWS, WIDTH, 100 * ROWS, &error);
    FINE(world, &error);
    CHECK(embedding.capacity == ROWS);
    sparse_embedding_list(&embedding, ids, 2 * ROWS);
    sparse_embedding_begin(&embedding);
    CHECK(embedding.count == ROWS);
    sparse_embedding_destroy(&embedding);
}

int main(void) {
    World *world = check_start();
    test_updates(world, false);
    test_updates(world, true);
    test_moments(world);
    test_capacity(world);
    return check_finish(world);
}
