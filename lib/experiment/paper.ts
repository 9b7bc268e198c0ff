import type { Figures, RowName } from "./summary.js";

/** Figures of one row in the order of the paper's columns. */
type Columns = readonly number[];
type PaperRows = Readonly<Partial<Record<RowName, Columns>>>;

const RANKING = ["hr@3", "ndcg@3", "hr@5", "ndcg@5"];
const RATING = ["rmse", "mae"];

/**
 * Tables 2 to 4 of the paper (arXiv 2401.13870, with a language model of 7B parameters): HR@3, NDCG@3, HR@5, NDCG@5, or RMSE
 * and MAE. IFT of ratings is the language model alone, the same for all backbones. NDCG@5 of BERT4Rec's IFT row on
 * MovieLens-100K, below its NDCG@3, is as printed.
 */
const TABLES: Readonly<Record<string, Readonly<Record<string, PaperRows>>>> = {
  "ml-100k": {
    MF: {
      base: [0.0455, 0.0325, 0.069, 0.042],
      ift: [0.0546, 0.0388, 0.079, 0.0488],
      llama4rec: [0.0645, 0.0474, 0.0919, 0.0588],
    },
    LightGCN: {
      base: [0.0492, 0.0343, 0.0744, 0.0447],
      ift: [0.0537, 0.0381, 0.0846, 0.0507],
      llama4rec: [0.0647, 0.0476, 0.0967, 0.0608],
    },
    MixGCF: {
      base: [0.0526, 0.0401, 0.0757, 0.0496],
      ift: [0.0617, 0.0452, 0.0906, 0.057],
      llama4rec: [0.069, 0.0515, 0.0949, 0.0621],
    },
    SGL: {
      base: [0.0505, 0.038, 0.0729, 0.0472],
      ift: [0.052, 0.0392, 0.0792, 0.0503],
      llama4rec: [0.0632, 0.0479, 0.0917, 0.0596],
    },
    SASRec: {
      base: [0.0187, 0.0125, 0.0385, 0.0205],
      ift: [0.0204, 0.0136, 0.0379, 0.0207],
      llama4rec: [0.0238, 0.0155, 0.0449, 0.024],
    },
    BERT4Rec: {
      base: [0.0153, 0.0104, 0.0294, 0.0161],
      ift: [0.0174, 0.0119, 0.0326, 0.01],
      llama4rec: [0.0198, 0.0134, 0.0332, 0.0189],
    },
    CL4SRec: {
      base: [0.0243, 0.0143, 0.0436, 0.0222],
      ift: [0.023, 0.0149, 0.0428, 0.023],
      llama4rec: [0.0255, 0.0182, 0.044, 0.0255],
    },
    DeepFM: { base: [1.0487, 0.8082], ift: [1.2792, 0.894], llama4rec: [1.0306, 0.7987] },
    NFM: { base: [1.0284, 0.8005], ift: [1.2792, 0.894], llama4rec: [1.0189, 0.7961] },
    DCN: { base: [1.0478, 0.8063], ift: [1.2792, 0.894], llama4rec: [1.0367, 0.8033] },
    AFM: { base: [1.0471, 0.8035], ift: [1.2792, 0.894], llama4rec: [1.034, 0.7996] },
    xDeepFM: { base: [1.1472, 0.8836], ift: [1.2792, 0.894], llama4rec: [1.0947, 0.8483] },
    AutoInt: { base: [1.05, 0.812], ift: [1.2792, 0.894], llama4rec: [1.0369, 0.8059] },
  },
  "ml-1m": {
    MF: {
      base: [0.0255, 0.0187, 0.0403, 0.0248],
      ift: [0.0242, 0.0175, 0.041, 0.0244],
      llama4rec: [0.0281, 0.0203, 0.0433, 0.0265],
    },
    LightGCN: {
      base: [0.0283, 0.0203, 0.0432, 0.0264],
      ift: [0.0268, 0.0193, 0.0441, 0.0263],
      llama4rec: [0.0304, 0.0222, 0.0461, 0.0286],
    },
    MixGCF: {
      base: [0.0159, 0.0115, 0.0238, 0.0147],
      ift: [0.0162, 0.0114, 0.0259, 0.0154],
      llama4rec: [0.0174, 0.0128, 0.0259, 0.0162],
    },
    SGL: {
      base: [0.0284, 0.0206, 0.0434, 0.0267],
      ift: [0.0275, 0.0202, 0.0438, 0.0269],
      llama4rec: [0.0308, 0.0224, 0.048, 0.0294],
    },
    SASRec: {
      base: [0.0277, 0.0165, 0.0502, 0.0257],
      ift: [0.0241, 0.0159, 0.0473, 0.0254],
      llama4rec: [0.0293, 0.0201, 0.0504, 0.0287],
    },
    BERT4Rec: {
      base: [0.0107, 0.0069, 0.0211, 0.0112],
      ift: [0.0106, 0.0071, 0.0188, 0.0104],
      llama4rec: [0.0115, 0.0078, 0.0206, 0.0115],
    },
    CL4SRec: {
      base: [0.0259, 0.0153, 0.0492, 0.0248],
      ift: [0.0234, 0.0155, 0.0447, 0.0241],
      llama4rec: [0.0278, 0.0185, 0.0482, 0.0268],
    },
    DeepFM: { base: [0.9455, 0.7409], ift: [1.2302, 0.877], llama4rec: [0.936, 0.7321] },
    NFM: { base: [0.9438, 0.7364], ift: [1.2302, 0.877], llama4rec: [0.9369, 0.7303] },
    DCN: { base: [0.9426, 0.7342], ift: [1.2302, 0.877], llama4rec: [0.9345, 0.7272] },
    AFM: { base: [0.9508, 0.7464], ift: [1.2302, 0.877], llama4rec: [0.9426, 0.7394] },
    xDeepFM: { base: [0.9519, 0.7428], ift: [1.2302, 0.877], llama4rec: [0.9401, 0.7336] },
    AutoInt: { base: [0.9471, 0.7404], ift: [1.2302, 0.877], llama4rec: [0.9382, 0.7326] },
  },
  "book-crossing": {
    MF: {
      base: [0.0294, 0.0227, 0.0394, 0.0269],
      ift: [0.0247, 0.0177, 0.0377, 0.023],
      llama4rec: [0.0365, 0.0284, 0.0462, 0.0324],
    },
    LightGCN: {
      base: [0.0358, 0.0272, 0.048, 0.0322],
      ift: [0.0287, 0.0202, 0.0448, 0.0268],
      llama4rec: [0.0434, 0.0338, 0.057, 0.0394],
    },
    MixGCF: {
      base: [0.0426, 0.033, 0.0556, 0.0384],
      ift: [0.0337, 0.0243, 0.0506, 0.0312],
      llama4rec: [0.0495, 0.0384, 0.0635, 0.0441],
    },
    SGL: {
      base: [0.0419, 0.0319, 0.0566, 0.038],
      ift: [0.0326, 0.0237, 0.0499, 0.0307],
      llama4rec: [0.0501, 0.0393, 0.0634, 0.0448],
    },
    SASRec: {
      base: [0.0086, 0.0049, 0.0163, 0.0081],
      ift: [0.0124, 0.0086, 0.0185, 0.0111],
      llama4rec: [0.0142, 0.0098, 0.0227, 0.0131],
    },
    BERT4Rec: {
      base: [0.0088, 0.0058, 0.0161, 0.0088],
      ift: [0.0127, 0.0092, 0.018, 0.0113],
      llama4rec: [0.0154, 0.0108, 0.023, 0.0139],
    },
    CL4SRec: {
      base: [0.0083, 0.0048, 0.0165, 0.0082],
      ift: [0.0102, 0.0071, 0.0177, 0.0102],
      llama4rec: [0.0138, 0.0093, 0.022, 0.0127],
    },
    DeepFM: { base: [1.7738, 1.3554], ift: [2.0152, 1.3782], llama4rec: [1.6958, 1.2843] },
    NFM: { base: [2.121, 1.5984], ift: [2.0152, 1.3782], llama4rec: [1.9253, 1.4473] },
    DCN: { base: [2.0216, 1.4622], ift: [2.0152, 1.3782], llama4rec: [1.8518, 1.3566] },
    AFM: { base: [1.6516, 1.2614], ift: [2.0152, 1.3782], llama4rec: [1.6244, 1.2259] },
    xDeepFM: { base: [2.1756, 1.6461], ift: [2.0152, 1.3782], llama4rec: [1.961, 1.4833] },
    AutoInt: { base: [1.9148, 1.4501], ift: [2.0152, 1.3782], llama4rec: [1.7917, 1.3492] },
  },
};

/** Table 5, LightGCN: HR@3 and NDCG@3. */
const ABLATION: Readonly<Record<string, PaperRows>> = {
  "ml-1m": {
    "without-data": [0.0294, 0.0209],
    "without-prompt": [0.0277, 0.0199],
    "without-adaptive": [0.0298, 0.0218],
  },
  "book-crossing": {
    "without-data": [0.0408, 0.0319],
    "without-prompt": [0.0372, 0.0279],
    "without-adaptive": [0.0429, 0.0332],
  },
};

/** What the paper printed for a row; null where it has none. */
export function paperFigures(dataset: string, backbone: string, row: RowName): Figures | null {
  const columns =
    TABLES[dataset]?.[backbone]?.[row] ?? (backbone === "LightGCN" ? ABLATION[dataset]?.[row] : undefined);
  if (columns === undefined) return null;
  const names = columns.length === 4 || backbone === "LightGCN" ? RANKING : RATING;
  return Object.fromEntries(columns.map((value, at) => [names[at], value]));
}
