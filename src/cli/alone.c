/* Commands that are one process. */
#include "cli/commands.h"
#include "linnet/core/error.h"
#include "linnet/core/launcher.h"
#include "linnet/core/log.h"

bool command_is_alone(const char *command, int *code) {
    const Launcher launcher = launcher_find();
    *code = STATUS_INPUT;
    if (launcher.size > 1 && launcher_speaks())
        log_error("linnet %s runs as one process, but the launcher started %d (%s): run it without mpirun or srun, or "
                  "with -n 1",
                  command, launcher.size, launcher.variable);
    return launcher.size <= 1;
}
