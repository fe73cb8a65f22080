/* Who started this process, by the variables that Open MPI 4.1 and 5 (mpirun(1)), MPICH's Hydra and Slurm (srun(1)) set, and by
 * the names of its processes. */
#include "linnet/core/launcher.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const NAMES[] = {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "PMI_SIZE", "PMI_RANK",
                                    "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"};

/* Of launchers that say only which process this is. */
static const char *const RANKS[] = {"PALS_RANKID", "ALPS_APP_PE", "PMI_ID", "PMIX_RANK"};

static int clear(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) unsetenv(NAMES[i]);
    for (size_t i = 0; i < sizeof RANKS / sizeof *RANKS; i++) unsetenv(RANKS[i]);
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

static void assert_known(int size, int rank, bool alone, bool several, const char *text) {
    const Launcher launcher = {"SIZE", size, rank};
    char told[LAUNCHER_TEXT];
    assert_int_equal(launcher_is_alone(&launcher), alone);
    assert_int_equal(launcher_is_several(&launcher), several);
    launcher_count_text(&launcher, told);
    assert_string_equal(told, text);
}

static void test_how_many(void **state) {
    const Launcher none = launcher_find();
    (void)state;
    assert_true(launcher_is_alone(&none) && !launcher_is_several(&none));
    assert_known(1, 0, true, false, "1 processes (SIZE)");
    assert_known(3, 0, false, true, "3 processes (SIZE)");
    /* Not told: the first process does not know whether it is the only one. */
    assert_known(0, 0, false, false, "several processes (SIZE)");
    assert_known(0, 1, false, true, "several processes (SIZE)");
}

static void test_size_not_told(void **state) {
    for (size_t i = 0; i < sizeof RANKS / sizeof *RANKS; i++) {
        clear(state);
        setenv(RANKS[i], "0", 1);
        assert_launcher(RANKS[i], 0, 0);
        setenv(RANKS[i], "5", 1);
        assert_launcher(RANKS[i], 0, 5);
        setenv("PMI_SIZE", "6", 1); /* one that says more comes first */
        setenv("PMI_RANK", "5", 1);
        assert_launcher("PMI_SIZE", 6, 5);
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

static void test_advice(void **state) {
    (void)state;
    assert_non_null(strstr(launcher_advice("Open MPI v4.1.4, package: Debian OpenMPI"), "mpirun of Open MPI"));
    assert_non_null(strstr(launcher_advice("MPICH Version:\t4.0.2\nMPICH Release date:"), "mpiexec of MPICH"));
    assert_non_null(strstr(launcher_advice("Intel(R) MPI Library 2021.19 for Linux* OS"), "Intel MPI"));
    assert_non_null(strstr(launcher_advice("MPI VERSION    : CRAY MPICH version 8.1.28"), "PALS"));
    assert_non_null(strstr(launcher_advice("Another MPI"), "the MPI that linnet was built with"));
}

static void test_networks(void **state) {
    static const char *const names[] = {"FI_TCP_IFACE", "UCX_NET_DEVICES", "OMPI_MCA_btl_tcp_if_include"};
    (void)state;
    for (int i = 0; i < 3; i++) unsetenv(names[i]);
    assert_null(launcher_networks());
    for (int i = 0; i < 3; i++) { /* the later ones come first */
        setenv(names[i], "", 1);
        setenv(names[i], names[i], 1);
        assert_string_equal(launcher_networks(), names[i]);
    }
    for (int i = 0; i < 3; i++) unsetenv(names[i]);
}

/* The processes above: this program starts itself under programs with the names of launchers. */
static char self[4096];

/* Run this program as `names` from the outside in, with a command line that ends with `argument`; the exit code of the
 * innermost, which prints how many launcher processes it finds. */
static void assert_processes(const char *variable, const char *names, const char *argument, const char *expected) {
    char command[8192], told[64] = "", folder[] = "/tmp/linnet-launcher-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof command, "%s=3 LAUNCHER_TEST_FOLDER=%s LAUNCHER_TEST_NAMES='%s' %s %s; rm -r %s", variable,
             folder, names, self, argument, folder);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(told, sizeof told, pipe));
    pclose(pipe);
    assert_string_equal(told, expected);
}

/* One process of the chain: the next one is called by the first of LAUNCHER_TEST_NAMES; at their end tell. */
static int run_chain(const char *names, const char *argument) {
    const size_t length = strcspn(names, " ");
    char path[256], rest[1024];
    LauncherProcess found[LAUNCHER_PROCESSES];
    if (*names == '\0') {
        printf("%zu %s\n", launcher_processes(found), launcher_relay() > 0 ? "relay" : "none");
        return 0;
    }
    snprintf(path, sizeof path, "%s/%.*s", getenv("LAUNCHER_TEST_FOLDER"), (int)length, names);
    snprintf(rest, sizeof rest, "%s", names + length + strspn(names + length, " "));
    if (symlink(self, path) != 0) return 1;
    setenv("LAUNCHER_TEST_NAMES", rest, 1);
    const pid_t child = fork();
    if (child == 0) _exit(execl(path, path, argument, (char *)NULL));
    return waitpid(child, NULL, 0) != child;
}

static void test_processes(void **state) {
    (void)state;
    const char *ompi = "OMPI_COMM_WORLD_SIZE", *hydra = "PMI_SIZE";
    assert_processes(ompi, "mpirun linnet", "x", "1 relay\n");
    assert_processes(ompi, "prterun linnet", "x", "1 relay\n");
    assert_processes(ompi, "mpirun sh linnet", "x", "1 none\n");
    assert_processes(ompi, "mpirun linnet", "--tag-output", "1 none\n");
    assert_processes(ompi, "slurmstepd orted linnet", "x", "1 relay\n");
    assert_processes(hydra, "mpiexec.hydra hydra_pmi_proxy linnet", "x", "2 relay\n");
    assert_processes(hydra, "mpirun mpiexec.hydra hydra_bstrap_proxy hydra_pmi_proxy linnet", "x", "4 relay\n");
    assert_processes(hydra, "mpiexec.hydra hydra_pmi_proxy linnet", "-l", "2 none\n");
    assert_processes(hydra, "sshd hydra_pmi_proxy linnet", "-x", "1 relay\n");
    assert_processes(hydra, "mpirun bash hydra_pmi_proxy linnet", "x", "1 relay\n");
    assert_processes("SLURM_STEP_NUM_TASKS", "mpirun slurmstepd linnet", "x", "0 none\n");
    assert_processes("PMIX_RANK", "prterun linnet", "x", "1 relay\n");
    assert_processes("NO_LAUNCHER", "mpirun linnet", "x", "0 none\n");
}

int main(int argc, char **argv) {
    const char *names = getenv("LAUNCHER_TEST_NAMES");
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return 1;
    if (names) return run_chain(names, argc > 1 ? argv[1] : "");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_each_launcher, clear), cmocka_unit_test_setup(test_size_not_told, clear),
        cmocka_unit_test_setup(test_how_many, clear),      cmocka_unit_test_setup(test_advice, clear),
        cmocka_unit_test_setup(test_networks, clear),      cmocka_unit_test_setup(test_processes, clear),
        cmocka_unit_test_setup(test_none, clear),          cmocka_unit_test_setup(test_the_innermost_counts, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
