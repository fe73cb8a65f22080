#ifndef LINNET_CHECKPOINT_CHECKPOINT_READ_H
#define LINNET_CHECKPOINT_CHECKPOINT_READ_H
/** Resuming from a checkpoint: reading the optimizer's moments. The weights are read as any model folder's. */
#include "linnet/comm/world.h"
#include "linnet/optim/optimizer.h"

/** Read the moments: rank 0 alone opens the file and sends each rank its part, whatever the number of ranks that wrote
 *  them. The file must fit the model; its digest is not checked: checkpoint_verify() does that. Collective. */
Status checkpoint_read_optimizer(const World *world, const char *folder, Optimizer *optimizer, Error *error);

#endif
