/* Stands in for the NVIDIA driver: what STAND_IN_CUDA (its newest CUDA, as 12020) and STAND_IN_GPUS say is here.
   STAND_IN_GPUS holds GPUs as NAME/COMPUTE CAPABILITY/MB, with commas between them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gpu { char name[64]; int major, minor, megabytes; };

static int count(void) {
    const char *text = getenv("STAND_IN_GPUS");
    int found = text && *text ? 1 : 0;
    for (; found && *text; text++) found += *text == ',';
    return found;
}

static struct gpu get(int number) {
    struct gpu found = {"", 0, 0, 0};
    const char *text = getenv("STAND_IN_GPUS");
    while (number--) text = strchr(text, ',') + 1;
    sscanf(text, "%63[^/]/%d.%d/%d", found.name, &found.major, &found.minor, &found.megabytes);
    return found;
}

int cuInit(unsigned flags) { return count() ? 0 : 100; /* CUDA_ERROR_NO_DEVICE */ }
int cuDriverGetVersion(int *version) { *version = atoi(getenv("STAND_IN_CUDA")); return 0; }
int cuDeviceGetCount(int *found) { *found = count(); return 0; }
int cuDeviceGet(int *device, int number) { *device = number; return 0; }
int cuDeviceGetName(char *name, int length, int device) {
    snprintf(name, length, "%s", get(device).name);
    return 0;
}
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = (size_t)get(device).megabytes << 20; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 75 ? get(device).major : get(device).minor;
    return 0;
}
