/* Models in words: what cannot be built is refused, and the word named. */
#include "testing.h"
#include <crew/model.h>
#include <string.h>

static void impossible_models_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        struct crew_model_shape shape;
        const char *why;
    } bad[] = {
        {"mlp", {1, 4, 1, 3}, "needs the widths"},
        {"mlp:", {1, 4, 1, 3}, "needs the widths"},
        {"mlp:0", {1, 4, 1, 3}, "width '0'"},
        {"mlp:-4", {1, 4, 1, 3}, "width '-4'"},
        {"mlp:1,2,x", {1, 4, 1, 3}, "width 'x'"},
        {"mlp:1,,2", {1, 4, 1, 3}, "width ''"},
        {"mlp:8,", {1, 4, 1, 3}, "width ''"},
        {"mlp:64.0", {1, 4, 1, 3}, "width '64.0'"},
        {"mlp:1048577", {1, 4, 1, 3}, "width '1048577'"},
        {"mlp:99999999999999999999", {1, 4, 1, 3}, "width '99999999999999999999'"},
        {"mlp:1048576,1048576", {1, 4, 1, 3}, "too large"},
        {"mlp:1048576", {1, 1048575, 1, 2}, "too large"},
        {"cnn", {4, 4, 1, 3}, "needs its layers"},
        {"cnn:", {4, 4, 1, 3}, "needs its layers"},
        {"cnn:conv3x3-8,,relu", {4, 4, 1, 3}, "layer 2, '': no such layer"},
        {"cnn:conv3x3-8,rel", {4, 4, 1, 3}, "layer 2, 'rel': no such layer"},
        {"cnn:conv3x3", {4, 4, 1, 3}, "expected convHEIGHTxWIDTH"},
        {"cnn:conv3x3-8p1s2", {4, 4, 1, 3}, "expected convHEIGHTxWIDTH"},
        {"cnn:conv0x3-8", {4, 4, 1, 3}, "expected convHEIGHTxWIDTH"},
        {"cnn:conv3x3-8s0", {4, 4, 1, 3}, "expected convHEIGHTxWIDTH"},
        {"cnn:conv3x3-8p3", {4, 4, 1, 3}, "padding must be smaller"},
        {"cnn:conv5x3-8", {4, 4, 1, 3}, "larger than the 4 x 4 image"},
        {"cnn:pool2,pool3",
         {4, 4, 1, 3},
         "layer 2, 'pool3': its window is larger than the 2 x 2"},
        {"cnn:pool", {4, 4, 1, 3}, "expected a window"},
        {"cnn:relu2", {4, 4, 1, 3}, "relu has no settings"},
        {"cnn:fc", {4, 4, 1, 3}, "expected fcWIDTH"},
        {"cnn:dropout1", {4, 4, 1, 3}, "expected dropoutRATE"},
        {"cnn:dropoutnan", {4, 4, 1, 3}, "expected dropoutRATE"},
        {"cnn:norm2", {4, 4, 1, 3}, "must divide"},
        {"cnn:conv1024x1024-1048576,fc1", {1024, 1024, 64, 3}, "too large"},
        {"cnn:conv1x1-1048576", {64, 64, 1, 3}, "more than 2^31 outputs"},
        {"softmax:3", {1, 4, 1, 3}, "model softmax has no settings"},
        {"softmax:", {1, 4, 1, 3}, "model softmax has no settings"},
        {"softmax", {1, 0, 1, 3}, "0 features"},
        {"softmax", {1, 4, 1, 1}, "1 classes"},
        {"softmax", {UINT32_MAX, UINT32_MAX, UINT32_MAX, 3}, "wider"},
        {"softmax", {65536, 65536, 1, 3}, "wider"},
    };
    struct crew_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        void *self = &err;
        const char *colon = strchr(bad[i].spec, ':');
        const struct crew_model_ops *ops = crew_model_find(bad[i].spec);
        err.text[0] = '\0';
        assert_int_equal(ops->create(colon ? colon + 1 : NULL, &bad[i].shape, &self, &err),
                         CREW_EINVAL);
        assert_null(self);
        if (!strstr(err.text, bad[i].why))
            fail_msg("'%s': '%s'", bad[i].spec, err.text);
    }
    char many[200] = "1";
    for (int i = 0; i < 64; i++)
        memcpy(many + 1 + 2 * i, ",1", 3);
    void *self;
    assert_int_equal(crew_model_find("mlp")->create(
                         many, &(struct crew_model_shape){1, 4, 1, 3}, &self, &err),
                     CREW_EINVAL);
    assert_non_null(strstr(err.text, "more than 64 layers"));
    assert_null(crew_model_find("ml"));
    assert_null(crew_model_find(""));
    crew_model_find("mlp")->destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_models_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
