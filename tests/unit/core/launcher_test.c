/* Who started this process, by the variables that Open MPI 4.1 and 5 (mpirun(1)), MPICH's Hydra and Slurm (srun(1)) set. */
#include "linnet/core/launcher.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const NAMES[] = {
    "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "PMI_SIZE",    "PMI_RANK", "MPI_LOCALNRANKS",
    "MPI_LOCALRANKID",      "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"};

static int clear(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) unsetenv(NAMES[i]);
    return 0;
}

static void assert_launcher(const char *variable, int size, int rank) {
    const Launcher launcher = launcher_find();
    if (variable)
        assert_string_equal(launcher.variable, variable);
    else
        assert_null(launcher.variable);
    assert_int_equal(launcher.size, size);
    assert_int_equal(launcher.rank, rank);
}

static void test_each_launcher(void **state) {
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i += 2) {
        clear(state);
        setenv(NAMES[i], "3", 1);
        setenv(NAMES[i + 1], "2", 1);
        assert_launcher(NAMES[i], 3, 2);
    }
}

static void test_none(void **state) {
    (void)state;
    assert_launcher(NULL, 0, -1);
    setenv("SLURM_NTASKS", "64", 1); /* a batch script's own process, or a shell of salloc */
    setenv("SLURM_PROCID", "0", 1);
    assert_launcher(NULL, 0, -1);
    setenv("OMPI_COMM_WORLD_SIZE", "", 1);
    assert_launcher(NULL, 0, -1);
}

/* mpirun -n 1 in a step of srun, which started one daemon on each of four hosts. */
static void test_the_innermost_counts(void **state) {
    (void)state;
    setenv("SLURM_STEP_NUM_TASKS", "4", 1);
    setenv("SLURM_PROCID", "3", 1);
    setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
    setenv("OMPI_COMM_WORLD_RANK", "0", 1);
    assert_launcher("OMPI_COMM_WORLD_SIZE", 1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_each_launcher, clear),
        cmocka_unit_test_setup(test_none, clear),
        cmocka_unit_test_setup(test_the_innermost_counts, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
