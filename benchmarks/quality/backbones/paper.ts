/** The Base rows of the paper (arXiv 2401.13870, tables 2 to 4): what a backbone reached there without a language model. */

/** Figures by the name of the metric. */
export type Metrics = Readonly<Record<string, number>>;

const ranking = (hr3: number, ndcg3: number, hr5: number, ndcg5: number): Metrics => ({
  "hr@3": hr3,
  "ndcg@3": ndcg3,
  "hr@5": hr5,
  "ndcg@5": ndcg5,
});
const rating = (rmse: number, mae: number): Metrics => ({ rmse, mae });

const rows: Readonly<Record<string, Readonly<Record<string, Metrics>>>> = {
  "ml-100k": {
    MF: ranking(0.0455, 0.0325, 0.069, 0.042),
    LightGCN: ranking(0.0492, 0.0343, 0.0744, 0.0447),
    MixGCF: ranking(0.0526, 0.0401, 0.0757, 0.0496),
    SGL: ranking(0.0505, 0.038, 0.0729, 0.0472),
    SASRec: ranking(0.0187, 0.0125, 0.0385, 0.0205),
    BERT4Rec: ranking(0.0153, 0.0104, 0.0294, 0.0161),
    CL4SRec: ranking(0.0243, 0.0143, 0.0436, 0.0222),
    DeepFM: rating(1.0487, 0.8082),
    NFM: rating(1.0284, 0.8005),
    DCN: rating(1.0478, 0.8063),
    AFM: rating(1.0471, 0.8035),
    xDeepFM: rating(1.1472, 0.8836),
    AutoInt: rating(1.05, 0.812),
  },
  "ml-1m": {
    MF: ranking(0.0255, 0.0187, 0.0403, 0.0248),
    LightGCN: ranking(0.0283, 0.0203, 0.0432, 0.0264),
    MixGCF: ranking(0.0159, 0.0115, 0.0238, 0.0147),
    SGL: ranking(0.0284, 0.0206, 0.0434, 0.0267),
    SASRec: ranking(0.0277, 0.0165, 0.0502, 0.0257),
    BERT4Rec: ranking(0.0107, 0.0069, 0.0211, 0.0112),
    CL4SRec: ranking(0.0259, 0.0153, 0.0492, 0.0248),
    DeepFM: rating(0.9455, 0.7409),
    NFM: rating(0.9438, 0.7364),
    DCN: rating(0.9426, 0.7342),
    AFM: rating(0.9508, 0.7464),
    xDeepFM: rating(0.9519, 0.7428),
    AutoInt: rating(0.9471, 0.7404),
  },
  "book-crossing": {
    MF: ranking(0.0294, 0.0227, 0.0394, 0.0269),
    LightGCN: ranking(0.0358, 0.0272, 0.048, 0.0322),
    MixGCF: ranking(0.0426, 0.033, 0.0556, 0.0384),
    SGL: ranking(0.0419, 0.0319, 0.0566, 0.038),
    SASRec: ranking(0.0086, 0.0049, 0.0163, 0.0081),
    BERT4Rec: ranking(0.0088, 0.0058, 0.0161, 0.0088),
    CL4SRec: ranking(0.0083, 0.0048, 0.0165, 0.0082),
    DeepFM: rating(1.7738, 1.3554),
    NFM: rating(2.121, 1.5984),
    DCN: rating(2.0216, 1.4622),
    AFM: rating(1.6516, 1.2614),
    xDeepFM: rating(2.1756, 1.6461),
    AutoInt: rating(1.9148, 1.4501),
  },
};

/** The paper's Base row of a backbone on a data set; null where it has none. */
export function paperBase(dataset: string, backbone: string): Metrics | null {
  return rows[dataset]?.[backbone] ?? null;
}
