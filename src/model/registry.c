#include "base/text.h"
#include "model/sequential.h"

static const struct crew_model_ops *const models[] = {&crew_model_softmax, &crew_model_mlp,
                                                      &crew_model_cnn};

const struct crew_model_ops *crew_model_at(size_t i)
{
    return i < sizeof models / sizeof *models ? models[i] : NULL;
}

const struct crew_model_ops *crew_model_find(const char *name)
{
    size_t n = crew_text_name(name, NULL);
    for (size_t i = 0; crew_model_at(i); i++)
        if (crew_text_same(crew_model_at(i)->name, name, n))
            return crew_model_at(i);
    return NULL;
}
