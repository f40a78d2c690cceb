/// How the implementation of `latent_attention.h` leaves a message; nothing that its users need.
#ifndef LATENT_ATTENTION_LAST_MESSAGE_H
#define LATENT_ATTENTION_LAST_MESSAGE_H

/// Keeps a copy of `message`, cut where it is too long, for `mla_last_message` on this thread.
void mla_keep_message(const char *message);

#endif
