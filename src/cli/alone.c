/* Commands that are one process. */
#include "cli/commands.h"
#include "linnet/core/error.h"
#include "linnet/core/launcher.h"
#include "linnet/core/log.h"

bool command_is_alone(const char *command, int *code) {
    const Launcher launcher = launcher_find();
    const bool several = launcher_is_several(&launcher);
    char count[LAUNCHER_TEXT];
    *code = STATUS_INPUT;
    if (several && launcher_speaks()) {
        launcher_count_text(&launcher, count);
        log_error("linnet %s runs as one process, but the launcher started %s: run it without mpirun or srun, or "
                  "with -n 1",
                  command, count);
    }
    return !several;
}
