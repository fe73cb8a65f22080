/* Choosing the instruction set of the kernels. */
#include "kernels/kernels.h"
#include "unit/ops_support.h"
#include <sys/wait.h>
#include <unistd.h>

/* Those of x86-64 from "avx2" on: a CPU that has one has those before it, too. */
static const char *const SETS[] = {"base", "neon", "sve256", "sve512", "avx2", "avx512", "avx512bf16", "amx"};
enum { BASE = 1, NEON, SVE256, SVE512, AVX2, AVX512, AVX512BF16, AMX, SETS_END };

/** The set that a fresh process picks when LINNET_ISA is `wanted`; its messages go nowhere. Its exit code says
 *  which. */
static int picked(const char *wanted) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("LINNET_ISA", wanted, 1);
        if (!freopen("/dev/null", "w", stderr)) _exit(SETS_END + 1);
        const char *name = isa_name();
        for (size_t i = 0; i < sizeof SETS / sizeof *SETS; i++)
            if (strcmp(name, SETS[i]) == 0) _exit((int)i + 1);
        _exit(SETS_END);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Runs first: the children must find a process that has not chosen yet. */
static void test_environment(void **state) {
    (void)state;
    int best = picked("");
    assert_in_range(best, BASE, AMX);
    assert_int_equal(picked("base"), BASE);
    assert_int_equal(picked("avx2"), best >= AVX2 ? AVX2 : best);
    assert_int_equal(picked("avx512"), best >= AVX512 ? AVX512 : best);
    assert_int_equal(picked("avx512bf16"), best >= AVX512BF16 ? AVX512BF16 : best);
    assert_int_equal(picked("amx"), best);
    assert_int_equal(picked("nonsense"), best);
#ifdef __aarch64__
    assert_in_range(best, NEON, SVE512);
    assert_int_equal(picked("neon"), NEON); /* part of the architecture */
#else
    assert_int_equal(picked("neon"), best);
#endif
    /* Only the length that the CPU's vectors have. */
    assert_int_equal(picked("sve256"), best);
    assert_int_equal(picked("sve512"), best);
}

/** All threads that meet at the first use get the same table. */
static void test_first_use_by_many(void **state) {
    (void)state;
    const Kernels *seen[8];
#pragma omp parallel for num_threads(8) schedule(static, 1)
    for (int i = 0; i < 8; i++) seen[i] = kernels();
    for (int i = 1; i < 8; i++) assert_ptr_equal(seen[i], seen[0]);
}

static void test_choose(void **state) {
    (void)state;
    assert_int_equal(isa_choose("nonsense"), 0);
    assert_int_equal(isa_choose("base"), 1);
    assert_string_equal(isa_name(), "base");
    if (isa_choose("avx2")) assert_string_equal(isa_name(), "avx2");
    assert_int_equal(isa_choose("AVX2"), 0);
}

int main(void) {
    unsetenv("LINNET_ISA");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_first_use_by_many),
        cmocka_unit_test(test_choose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
