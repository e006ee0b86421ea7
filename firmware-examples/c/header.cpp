// rlfd.h is C++ too: this only has to compile and link.

#include "rlfd.h"

static_assert(RLFD_STATUS_OK == 0, "success is zero");
static_assert(sizeof(rlfd_status) == 4 && sizeof(rlfd_phase) == 1, "enums have the library's size");

extern "C" bool is_policy_image(const void *image, size_t len)
{
    rlfd_contract contract{};
    return rlfd_image_check(image, len, &contract) == RLFD_STATUS_OK;
}
