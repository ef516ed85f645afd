// Exists so that the precompiled torch header has a target of its own, which the others reuse.
#include "models/Torch.h"
