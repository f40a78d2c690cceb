#include "last_message.h"

#include <stdio.h>

#include "latent_attention.h"

static _Thread_local char kept[1024];

void mla_keep_message(const char *message) { snprintf(kept, sizeof kept, "%s", message); }

const char *mla_last_message(void) { return kept; }
