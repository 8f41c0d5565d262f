/* Train on the caller's own rows and ask the result: two spirals, one for each class.
 *   cc train.c $(pkg-config --cflags --libs crew) -lm */
#include <crew/crew.h>
#include <math.h>
#include <stdio.h>

int main(void)
{
    static float x[1000][2], p[1][2];
    static uint32_t label[1000];
    struct crew_error err;
    for (int i = 0; i < 1000; i++) {
        double r = 0.1 + 0.9 * i / 1000, angle = 9 * r + 3.14159 * (i % 2);
        x[i][0] = (float)(r * cos(angle));
        x[i][1] = (float)(r * sin(angle));
        label[i] = (uint32_t)i % 2;
    }
    struct crew_config cfg;
    struct crew_data data = {0};
    crew_trainer *trainer = NULL;
    crew_config_init(&cfg);
    cfg.model = "mlp:32,32";
    cfg.epochs = 200;
    cfg.lr = 0.01;
    crew_status s = crew_dataset_wrap(x[0], label, 1000, 2, 2, &data.train, &err);
    if (s == CREW_OK)
        s = crew_trainer_create(&cfg, &data, &trainer, &err);
    if (s == CREW_OK)
        s = crew_trainer_run(trainer, &err);
    struct crew_evaluation e;
    if (s == CREW_OK)
        s = crew_trainer_evaluate(trainer, data.train, &e, &err);
    if (s == CREW_OK)
        s = crew_network_predict(crew_trainer_network(trainer), x[7], 1, p[0]);
    if (s != CREW_OK)
        fprintf(stderr, "%s\n", err.text);
    else
        printf("accuracy %.3f, row 7 is of class 1 with probability %.2f\n", e.accuracy,
               (double)p[0][1]);
    crew_trainer_destroy(trainer);
    crew_dataset_destroy(data.train);
    return s != CREW_OK || e.accuracy < 0.9;
}
