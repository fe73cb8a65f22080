/* A library for LD_PRELOAD under the leak sanitizer: modules that Open MPI has loaded stay loaded, so that
 * tests/lsan.supp can name the modules whose leaks do not count. */
int dlclose(void *module);

int dlclose(void *module) {
    (void)module;
    return 0;
}
