/** Preloaded when tests run under the leak sanitizer: modules that Open MPI has loaded stay loaded, so that what
 *  they leave behind can be told by their names (tests/lsan.supp). */
int dlclose(void *module);

int dlclose(void *module) {
    (void)module;
    return 0;
}
