#include "include/SpinHint.h"
